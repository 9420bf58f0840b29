"""The catalogue, for everybody."""

from __future__ import annotations

from falcon.asgi import Request, Response
from msgspec import UNSET

from api import answers, operator_answers, operator_bodies, reading
from api.answers import SkuPage
from api.operator_answers import StockBody, StockedSku
from api.operator_bodies import SkuRequest, StockRequest
from api.runtime import Runtime
from checkout.db import Connection
from checkout.errors import Invalid, NotFound
from checkout.stock import catalog, units


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


async def stocked(api: Runtime, req: Request, resp: Response, sku_id: str) -> None:
    """One SKU with its sellable units, those that are sold or held, and the grams of one."""
    await api.tokens.operator(req)
    known = reading.sku_id(sku_id)
    sku = await api.transact(lambda connection: _stocked(connection, known))
    if sku is None:
        raise NotFound("there is no such SKU")
    reading.answer(resp, sku)


def _stocked(connection: Connection, sku_id: str) -> StockedSku | None:
    found = catalog.find(connection, [sku_id]).get(sku_id)
    return found and operator_answers.stocked_sku(found, *catalog.counts(connection, sku_id))


async def put(api: Runtime, req: Request, resp: Response, sku_id: str) -> None:
    """Adds a SKU with its stock, or updates all but the stock of one that is there."""
    await api.tokens.operator(req)
    item = operator_bodies.item(reading.sku_id(sku_id), await reading.json_body(req, SkuRequest))

    def loaded(connection: Connection) -> tuple[StockedSku | None, int]:
        added, _ = catalog.load(connection, [item])
        return _stocked(connection, item.sku_id), added

    sku, added = await api.transact(loaded)
    reading.answer(resp, sku, 201 if added else 200)


async def stock(api: Runtime, req: Request, resp: Response, sku_id: str) -> None:
    """Sets its sellable units, or adds some (or takes some away); each change is written down."""
    await api.tokens.operator(req)
    known, key = reading.sku_id(sku_id), reading.optional_key(req)
    body = await reading.json_body(req, StockRequest)
    count, step = (body.set, units.put) if body.add is UNSET else (body.add, units.add)
    if count is UNSET or UNSET not in (body.set, body.add):
        raise Invalid("either set or add is expected", "$")
    changed = await api.transact(lambda connection: step(connection, known, count, key))
    if changed.is_repeated:
        resp.set_header("Idempotent-Replayed", "true")
    reading.answer(resp, StockBody(known, changed.stock))
