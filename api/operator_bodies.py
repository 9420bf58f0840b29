"""The JSON that operators send: one struct each, from which the checks and the OpenAPI document both come."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.bodies import NO_NUL
from checkout import money
from checkout.errors import Invalid
from checkout.stock.catalog import Id, Item, Title

Units = Annotated[int, Meta(ge=-(10**9), le=10**9)]
Note = Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Price = Annotated[str, Meta(pattern=money.YUAN)]


class SkuRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What a SKU is from now on. `stock` counts only when it is new; what is not said of weight and limit stays."""

    spu_id: Id
    title: Title
    price: Price
    stock: Annotated[int, Meta(ge=0, le=10**9)] = 0
    on_sale: bool = True
    weight_g: Annotated[int, Meta(ge=0, le=10**7)] | UnsetType = UNSET
    limit_per_user: Annotated[int, Meta(ge=0, le=10**6)] | UnsetType = UNSET


class StockRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Either so many units, or so many more (or less) than there are.

    With an Idempotency-Key it may be sent again as it is. Without one, who lost the answer looks at the stock before he
    repeats it.
    """

    set: Annotated[int, Meta(ge=0, le=10**9)] | UnsetType = UNSET
    add: Units | UnsetType = UNSET


class ResolveRequest(msgspec.Struct, forbid_unknown_fields=True):
    note: Note


WebhookUrl = Annotated[str, Meta(min_length=1, max_length=2000, pattern=NO_NUL)]
WebhookTopics = Annotated[list[Annotated[str, Meta(max_length=100, pattern=NO_NUL)]], Meta(min_length=1, max_length=20)]


class WebhookRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`topics` are patterns as queues bind with them; `after`: an event from which on the log is sent as well."""

    url: WebhookUrl
    topics: WebhookTopics
    after: Annotated[str, Meta(pattern=r"^[0-9]{1,18}$(?!\n)")] | UnsetType = UNSET


class WebhookChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    url: WebhookUrl | UnsetType = UNSET
    topics: WebhookTopics | UnsetType = UNSET


class ReplayRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Without `after` what waits is tried at once."""

    after: Annotated[str, Meta(pattern=r"^[0-9]{1,18}$(?!\n)")] | UnsetType = UNSET


def item(sku_id: str, body: SkuRequest) -> Item:
    """A line of a catalogue. Raises Invalid."""
    told = {name: getattr(body, name) for name in body.__struct_fields__}
    made = Item(sku_id=sku_id, **told)
    if not 1 <= made.price_fen <= money.LARGEST_FEN:
        raise Invalid("a price from 0.01 on is expected", "price")
    return made


def event_id(after: str | UnsetType) -> int | None:
    return None if after is UNSET else int(after)
