"""The JSON that goes out to operators: one struct each, which is also its description in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from api.answers import SkuBody, sku_body
from api.formats import Address, Difference, Number, Time
from api.words import MatterKind
from checkout import clock, money
from checkout.audit.stuck import Matter
from checkout.audit.timeline import MOST_ENTRIES, Entry
from checkout.stock.catalog import Listed
from checkout.webhooks.endpoints import Endpoint, Secret
from checkout.webhooks.history import Delivery
from checkout.webhooks.posting import Answer
from checkout.webhooks.subjects import Subject


class EntryBody(msgspec.Struct):
    at: Time
    kind: str
    what: str
    detail: dict[str, Any]


class Timeline(msgspec.Struct):
    entries: list[EntryBody]
    truncated: bool


class MatterBody(msgspec.Struct):
    kind: MatterKind
    subject: str
    since: Time
    order_id: Number | None
    amount: Difference | None
    detail: str
    cure: str


class StuckPage(msgspec.Struct):
    matters: list[MatterBody]
    counts: dict[str, int]
    total: int
    next_page: int | None


class StockedSku(SkuBody, kw_only=True):
    stock: int
    sales: int
    weight_g: int


class StockBody(msgspec.Struct):
    sku_id: str
    stock: int


class WebhookBody(msgspec.Struct):
    id: Number
    url: Address
    topics: list[str]
    private: bool
    created_at: Time
    reached: Number
    set_aside: int
    gone: bool
    failures: int
    next_try_at: Time | None
    last_at: Time | None
    last_answer: str | None
    former_secret_until: Time | None


class WebhookList(msgspec.Struct):
    webhooks: list[WebhookBody]


class WaitingSubject(msgspec.Struct):
    subject: str
    event_id: Number
    event_at: Time
    tries: int
    next_try_at: Time | None
    answer: str


class DeliveryBody(msgspec.Struct):
    at: Time
    event_id: Number
    topic: str
    subject: str
    taken: bool
    answer: str


class WebhookDetail(WebhookBody, kw_only=True):
    subjects: list[WaitingSubject]
    deliveries: list[DeliveryBody]


class WebhookSecret(msgspec.Struct):
    """Shown once."""

    id: Number
    secret: str
    former_secret_until: Time | None


class WebhookTest(msgspec.Struct):
    taken: bool
    answer: str


def timeline(entries: Sequence[Entry]) -> Timeline:
    bodies = [EntryBody(clock.rfc3339(one.at), one.kind, one.what, one.detail) for one in entries[:MOST_ENTRIES]]
    return Timeline(bodies, len(entries) > MOST_ENTRIES)


def stuck_page(matters: Sequence[Matter], counts: Mapping[str, int], next_page: int | None) -> StuckPage:
    return StuckPage([_matter(one) for one in matters], dict(counts), sum(counts.values()), next_page)


def _matter(one: Matter) -> MatterBody:
    return MatterBody(
        kind=one.kind,
        subject=one.subject,
        since=clock.rfc3339(one.since),
        order_id=None if one.order_id is None else str(one.order_id),
        amount=None if one.fen is None else money.yuan(one.fen),
        detail=one.detail,
        cure=one.cure,
    )


def stocked_sku(sku: Listed, stock: int, sales: int, weight_g: int) -> StockedSku:
    return StockedSku(**msgspec.structs.asdict(sku_body(sku)), stock=stock, sales=sales, weight_g=weight_g)


def webhook(one: Endpoint) -> WebhookBody:
    return WebhookBody(**_webhook(one))


def webhook_detail(one: Endpoint, waiting: Sequence[Subject], newest: Sequence[Delivery]) -> WebhookDetail:
    return WebhookDetail(
        **_webhook(one), subjects=[_subject(each) for each in waiting], deliveries=[_delivery(each) for each in newest]
    )


def webhook_secret(one: Secret) -> WebhookSecret:
    return WebhookSecret(str(one.endpoint_id), one.secret, _time(one.former_until))


def webhook_test(answer: Answer) -> WebhookTest:
    return WebhookTest(answer.is_taken, answer.text)


def _webhook(one: Endpoint) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "url": one.url,
        "topics": one.topics,
        "private": one.private,
        "created_at": clock.rfc3339(one.created_at),
        "reached": str(one.reached),
        "set_aside": one.set_aside,
        "gone": one.gone,
        "failures": one.failures,
        "next_try_at": _time(one.next_try_at) if one.failures else None,
        "last_at": _time(one.last_at),
        "last_answer": one.last_answer,
        "former_secret_until": _time(one.former_until),
    }


def _subject(one: Subject) -> WaitingSubject:
    return WaitingSubject(
        one.subject, str(one.event_id), clock.rfc3339(one.event_at), one.tries, _time(one.next_try_at), one.answer
    )


def _delivery(one: Delivery) -> DeliveryBody:
    return DeliveryBody(clock.rfc3339(one.at), str(one.event_id), one.topic, one.subject, one.taken, one.answer)


def _time(at: datetime | None) -> str | None:
    return None if at is None else clock.rfc3339(at)
