"""The catalogue, for everybody."""

from __future__ import annotations

from falcon.asgi import Request, Response

from api import answers, reading
from api.answers import SkuPage
from api.runtime import Runtime
from checkout.errors import Invalid, NotFound
from checkout.stock import catalog


async def page(api: Runtime, req: Request, resp: Response) -> None:
    """SKUs in id order."""
    after, limit = req.get_param("cursor") or "", reading.limit(req)
    if "\x00" in after or len(after) > 64:
        raise Invalid("no such cursor", "cursor")
    skus = await api.transact(lambda connection: catalog.page(connection, after, limit))
    following = skus[-1].id if len(skus) == limit else None
    reading.answer(resp, SkuPage([answers.sku_body(sku) for sku in skus], following))


async def show(api: Runtime, _req: Request, resp: Response, sku_id: str) -> None:
    """One SKU."""
    sku = await api.skus.submit(reading.sku_id(sku_id))
    if sku is None:
        raise NotFound("there is no such SKU")
    reading.answer(resp, answers.sku_body(sku))
