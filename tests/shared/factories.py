"""What tests start from, by keywords: a SKU, an accepted or placed order, an attempt, what Alipay says of it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from checkout import money
from checkout.alipay.trade import Trade
from checkout.db import Connection, Engine, sql, transaction
from checkout.errors import CheckoutError
from checkout.events.log import Event
from checkout.events.topics import TOPICS
from checkout.orders import acceptance, shipping, turns
from checkout.orders.acceptance import Address, Request
from checkout.orders.allocation import Terms
from checkout.orders.ledger import Ledger, Payment
from checkout.orders.placement import Placed
from checkout.orders.shipping import Label
from checkout.payments import offers, refunds, trades
from checkout.payments.offers import Asked, Offer, Way
from checkout.payments.refund_lines import Units
from checkout.payments.refunds import Refund
from checkout.payments.trades import Applied, Rules
from checkout.prices.policy import Policy
from checkout.stock import catalog
from checkout.stock.catalog import Item

TERMS = Terms(pay_window_seconds=1800, max_open_orders=20, prices=Policy(freight_fen=1000))
RULES = Rules(reinstate=True)
OPEN_ID = "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5"
ADDRESS = Address(recipient="李雷", phone="13800000000", region="上海市 徐汇区", detail="某路 1 号")

_numbers = itertools.count(1)


def a_sku(
    engine: Engine,
    sku_id: str = "1",
    *,
    stock: int = 5,
    price: str = "10.00",
    spu_id: str = "1",
    on_sale: bool = True,
    weight_g: int = 0,
    limit: int = 0,
) -> str:
    """A SKU of the catalogue, with that much to sell."""
    with transaction(engine) as connection:
        catalog.load(connection, [Item(sku_id, spu_id, f"SKU {sku_id}", price, stock, on_sale, weight_g, limit)])
    return sku_id


def a_request(
    user_id: int = 1,
    key: str | None = None,
    lines: dict[str, int] | None = None,
    *,
    from_cart: bool = False,
    pay_method: str = "alipay",
    expected_total: str | None = None,
    remark: str = "",
    reference: str = "",
    metadata: dict[str, str] | None = None,
) -> Request:
    """A normalised request; without a key it has one of its own."""
    return Request(
        user_id=user_id,
        key=key or f"key-{next(_numbers)}",
        lines=tuple(sorted((lines or {"1": 1}).items())),
        from_cart=from_cart,
        pay_method=pay_method,
        address=ADDRESS,
        remark=remark,
        reference=reference,
        metadata=tuple(sorted((metadata or {}).items())),
        expected_total_fen=money.fen(expected_total) if expected_total else None,
    )


def an_order(engine: Engine, **request: Any) -> int:
    """The id of an accepted order."""
    with transaction(engine) as connection:
        return acceptance.accept(connection, [a_request(**request)])[0].order_id


def many_orders(engine: Engine, count: int, **request: Any) -> list[int]:
    """The ids of accepted orders of as many users, accepted in one batch."""
    requests = [a_request(user_id=user_id, **request) for user_id in range(1, count + 1)]
    with transaction(engine) as connection:
        return [accepted.order_id for accepted in acceptance.accept(connection, requests)]


def place_all(engine: Engine, order_ids: Sequence[int], terms: Terms = TERMS) -> list[Placed]:
    """A worker answers a ring for these."""
    return list(turns.run(engine, order_ids, terms))


def placed(engine: Engine, *, terms: Terms = TERMS, **request: Any) -> int:
    """The id of an order that a worker has placed, or rejected."""
    order_id = an_order(engine, **request)
    place_all(engine, [order_id], terms)
    return order_id


def an_attempt(engine: Engine, order_id: int, method: str = "page", *, time_scale: float = 1, **way: Any) -> Payment:
    """An attempt in the buyer's hands."""
    with transaction(engine) as connection:
        user_id = connection.execute(sql("SELECT user_id FROM orders WHERE id = :id"), {"id": order_id}).scalar_one()
        return offer(connection, Asked(order_id, user_id, a_way(method, **way)), time_scale).payment


def a_way(method: str = "page", **way: Any) -> Way:
    """How it is paid; a mini-program has a buyer."""
    return Way(method, **({"buyer_open_id": OPEN_ID} if method == "mini" and not way else {}) | way)


def offer(connection: Connection, asked: Asked, time_scale: float = 1) -> Offer:
    """What one buyer gets. Raises NotFound and NotPayable."""
    [answer], _ = offers.make(connection, [asked], time_scale)
    if isinstance(answer, CheckoutError):
        raise answer
    return answer


def a_trade(payment: Payment, status: str = "TRADE_SUCCESS", **said: Any) -> Trade:
    """What Alipay says of the attempt."""
    told: dict[str, Any] = {
        "out_trade_no": payment.out_trade_no,
        "trade_no": f"2026{payment.order_id:018d}{payment.n:06d}",
        "status": status,
        "total_fen": payment.amount_fen,
    }
    return Trade(**told | said)


def told(engine: Engine, *news: Trade, rules: Rules = RULES) -> Applied:
    """Alipay's word is applied."""
    with transaction(engine) as connection:
        return trades.apply(connection, news, rules)


def paid(engine: Engine, **request: Any) -> int:
    """The id of an order that the buyer has paid."""
    order_id = placed(engine, **request)
    told(engine, a_trade(an_attempt(engine, order_id)))
    return order_id


def shipped(engine: Engine, order_id: int, **units: int) -> int:
    """The number of a parcel of these units (`sku_1=2`), or of all that is left."""
    with transaction(engine) as connection:
        wanted = {name.removeprefix("sku_"): count for name, count in units.items()} or None
        return shipping.send(connection, order_id, wanted, Label("顺丰", "SF1"))[0]


def refunded(
    engine: Engine, order_id: int, by_sku: dict[str, int], *, freight: bool = False, restock: bool = False
) -> Refund:
    """A refund by line that is requested."""
    with transaction(engine) as connection:
        return refunds.create(connection, order_id, Units(by_sku, freight, restock), "", f"key-{next(_numbers)}")[0]


def refund_ends(engine: Engine, refund: Refund, status: str = "succeeded") -> None:
    """Alipay's word about the refund is applied."""
    with transaction(engine) as connection:
        ledger = Ledger(connection, [refund.order_id])
        order = ledger.orders[refund.order_id]
        payment = order.payments[refund.n - 1]
        [known] = [one for one in refunds.pending(ledger, payment) if one.id == refund.id]
        assert refunds.end(ledger, order, payment, known, status, None if status == "succeeded" else "refused")
        ledger.save()


def row(engine: Engine, table: str, **where: Any) -> Any:
    """The one row of a table."""
    return rows(engine, table, **where)[0]


def rows(engine: Engine, table: str, **where: Any) -> list[Any]:
    """The rows of a table in which the columns have these values."""
    condition = " AND ".join(f"{name} = :{name}" for name in where) or "true"
    with transaction(engine) as connection:
        return list(connection.execute(sql(f"SELECT * FROM {table} WHERE {condition} ORDER BY 1, 2"), where))


def order(engine: Engine, order_id: int) -> Any:
    return row(engine, "orders", id=order_id)


def attempts(engine: Engine, order_id: int) -> list[Any]:
    return rows(engine, "payments", order_id=order_id)


def stock_of(engine: Engine, sku_id: str = "1") -> int:
    stock: int = row(engine, "skus", id=sku_id).stock
    return stock


def topics(engine: Engine, subject: int | str) -> list[str]:
    """The routing keys of an order's events (its id is an int) or of a SKU's (a str), in their order."""
    found = rows(engine, "events", subject=str(subject))
    of_sku = isinstance(subject, str)
    return [e.topic for e in sorted(found, key=lambda e: e.id) if e.topic.startswith("stock.") == of_sku]


def an_event(subject: str, sequence: int = 1, topic: str = "order.placed") -> Event:
    """One that fits its topic, of an order or SKU that nobody has."""
    return Event(topic, subject, sequence, msgspec.convert(_DATA | {"sku_id": subject}, TOPICS[topic].data))


_DATA = {
    "order_id": "1",
    "user_id": "1",
    "status": "closed",
    "pay_method": "alipay",
    "total_amount": "10.00",
    "amount": "10.00",
    "lines": [{"sku_id": "1", "spu_id": "1", "quantity": 1, "amount": "10.00"}],
    "reason": "expired",
    "payment_id": "1-1",
    "out_trade_no": "20261127O1A1",
    "stock": 0,
}

_MOVE_ORDER = """
    UPDATE orders SET accepted_at = accepted_at - t, placed_at = placed_at - t, pay_before = pay_before - t,
        closing_at = closing_at - t, paid_at = paid_at - t, closed_at = closed_at - t
    FROM (SELECT make_interval(secs => :seconds) AS t) AS passed WHERE id = :id
"""
_MOVE_PAYMENTS = """
    UPDATE payments SET created_at = created_at - t, due_at = due_at - t, offered_at = offered_at - t,
        payable_until = payable_until - t, leased_until = leased_until - t, paid_at = paid_at - t,
        closed_at = closed_at - t
    FROM (SELECT make_interval(secs => :seconds) AS t) AS passed WHERE order_id = :id
"""


def time_passes(engine: Engine, order_id: int, *, minutes: float) -> None:
    """The database's clock decides, so time passes by moving the order into the past."""
    with transaction(engine) as connection:
        for statement in (_MOVE_ORDER, _MOVE_PAYMENTS):
            connection.execute(sql(statement), {"id": order_id, "seconds": minutes * 60})


def waiting_notifies(engine: Engine) -> list[int]:
    """The notifies that are stored and not applied yet."""
    with transaction(engine) as connection:
        rows = connection.execute(sql("SELECT id FROM notifies WHERE applied_at IS NULL ORDER BY id"))
        return list(rows.scalars())
