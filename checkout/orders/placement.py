"""Placing: where stock is taken. One transaction for a batch, serial in effect, set-based in SQL.

The claimed orders are locked, then what they touch (users, SKUs, SPUs, each in id order); stock and price are read
once, the orders are walked in arrival order in memory, all lines or none, and each table gets one statement.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from checkout import money
from checkout.columns import Columns
from checkout.db import Connection, array, command, sql
from checkout.errors import CheckoutError
from checkout.events import log as event_log
from checkout.events.log import Event, happened
from checkout.events.topics import OrderLine
from checkout.orders import allocation, attempts, sweep
from checkout.orders.allocation import PLAIN, Batch, Claimed, Known, Refusal, Terms
from checkout.orders.pricing import Pricing
from checkout.prices.basket import Totals
from checkout.stock import limits, units
from checkout.stock.units import Sku

# Lines by order, as events tell them.
Lines = dict[int, list[OrderLine]]

# Larger batches hold hot rows longer than they save.
MOST_ORDERS = 200


@dataclass(frozen=True)
class Placed:
    """How many orders were claimed and which was the first; whom to wake, whose carts to clear, which SKUs ran short.

    What became of them is counted by outcome; `waited` is how long each had, in seconds. `has_more`: others that were
    claimed with them wait for the next batch.
    """

    count: int
    first: int
    wakes: list[tuple[int, int]]
    carts: list[int]
    short: dict[str, int]
    outcomes: Counter[str]
    waited: list[float]
    has_more: bool = False


NOTHING = Placed(0, 0, [], [], {}, Counter(), [])


class Overdue(CheckoutError):
    """Of these some wait for so long that they may be what kills workers; nothing is placed."""

    code = "overdue"

    def __init__(self, order_ids: list[int]) -> None:
        super().__init__(f"of {len(order_ids)} orders some are overdue")
        self.order_ids = order_ids


_CLAIMED = """
    SELECT o.id, o.user_id, o.pay_method, o.from_cart, o.expected_total_fen, o.sku_ids, o.quantities, o.version,
        o.reference, now() AS now, extract(epoch FROM now() - o.accepted_at)::float8 AS waited_seconds,
        a.claimed_by IS NULL AND a.since < now() - make_interval(secs => :overdue) AS is_unclaimed
    FROM arrivals a JOIN orders o ON o.id = a.order_id
    WHERE NOT a.parked AND o.status = 'accepted' AND
"""
# The oldest first, whatever it was that rang: those that came meanwhile go along.
_CLAIM = sql(
    _CLAIMED
    + """a.order_id >= :first AND a.alone_at IS NULL
    ORDER BY a.order_id LIMIT :most FOR NO KEY UPDATE OF o SKIP LOCKED"""
)
_CLAIM_ALONE = sql(_CLAIMED + "a.order_id = :id FOR NO KEY UPDATE OF o SKIP LOCKED")
# New users are added before any user is locked: who holds a lock then never waits for an insert.
_ADD_USERS = command("""
    INSERT INTO users (id) SELECT id FROM unnest(CAST(:ids AS bigint[])) AS asked (id)
    WHERE NOT EXISTS (SELECT FROM users WHERE users.id = asked.id) ORDER BY id ON CONFLICT DO NOTHING
""")
_LOCK_USERS = sql("""
    SELECT id, open_orders FROM users WHERE id = ANY(CAST(:ids AS bigint[])) ORDER BY id FOR NO KEY UPDATE
""")
_HOLD = command("""
    UPDATE users SET open_orders = held
    FROM unnest(CAST(:ids AS bigint[]), CAST(:held AS int[])) AS h (user_id, held) WHERE id = user_id
""")
_PLACED = Columns(order_id="bigint", goods_fen="bigint", discount_fen="bigint", freight_fen="bigint", version="int")
# The deadline has whole seconds, because `time_expire` on Alipay's wire has no finer ones.
_PLACE = command(f"""
    UPDATE orders SET status = CASE pay_method WHEN 'cash' THEN 'awaiting_shipment'::order_status
            ELSE 'awaiting_payment' END,
        stock = 'held', placed_at = now(), goods_fen = c.goods_fen, discount_fen = c.discount_fen,
        freight_fen = c.freight_fen, total_fen = c.goods_fen - c.discount_fen + c.freight_fen, version = c.version,
        pay_before = CASE pay_method WHEN 'alipay' THEN date_trunc('second', now() + make_interval(secs => :window)) END
    FROM {_PLACED.rows} WHERE id = order_id
""")  # noqa: S608 - the names are ours, the values are bound
_REJECTED = Columns(
    order_id="bigint",
    reason="text",
    shortages="text",
    version="int",
    goods_fen="bigint",
    discount_fen="bigint",
    freight_fen="bigint",
)
_REJECT = command(f"""
    UPDATE orders SET status = 'rejected', reason = c.reason, shortages = c.shortages::jsonb, version = c.version,
        goods_fen = c.goods_fen, discount_fen = COALESCE(c.discount_fen, 0), freight_fen = c.freight_fen,
        total_fen = c.goods_fen - c.discount_fen + c.freight_fen
    FROM {_REJECTED.rows} WHERE id = order_id
""")  # noqa: S608 - as above
_SPECIAL = {"discount_fen": "bigint", "limit_epoch": "smallint"}
_SPECIAL_LINE = Columns(
    order_id="bigint",
    sku_id="text",
    spu_id="text",
    title="text",
    quantity="int",
    unit_price_fen="bigint",
    **_SPECIAL,
)
_LINE = _SPECIAL_LINE.but(*_SPECIAL)
_ADD_LINES = command(f"INSERT INTO order_lines ({_LINE.names}) SELECT * FROM {_LINE.rows}")  # noqa: S608 - as above
_ADD_SPECIAL_LINES = command(f"""
    INSERT INTO order_lines ({_SPECIAL_LINE.names}) SELECT * FROM {_SPECIAL_LINE.rows}
""")  # noqa: S608 - as above
_PAYMENT = Columns(order_id="bigint", out_trade_no="text", amount_fen="bigint")
_ADD_PAYMENTS = command(f"""
    INSERT INTO payments ({_PAYMENT.names}, n, due_at)
    SELECT *, 1, date_trunc('second', now() + make_interval(secs => :window)) FROM {_PAYMENT.rows}
""")  # noqa: S608 - as above
_ADD_CLEARINGS = command("""
    INSERT INTO cart_clearings (order_id, user_id)
    SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:user_ids AS bigint[]))
""")
_LEAVE = command("DELETE FROM arrivals WHERE order_id = ANY(CAST(:ids AS bigint[]))")


def place(connection: Connection, first: int, terms: Terms, noted: Collection[int] = ()) -> Placed:
    """Places or rejects the accepted orders from that id on that nobody else is placing; `MOST_ORDERS` at once.

    Raises Overdue, with all that are not `noted` yet, when one of them waits for long.
    """
    values = {"first": first, "most": MOST_ORDERS, "overdue": sweep.OVERDUE_SECONDS}
    found = connection.execute(_CLAIM, values).all()
    unnoted = [row for row in found if row.id not in noted]
    if any(row.is_unclaimed for row in unnoted):
        raise Overdue([row.id for row in unnoted])
    return _place(connection, [Claimed(*row[:-1]) for row in found], terms)


def place_alone(connection: Connection, order_id: int, terms: Terms) -> Placed:
    """Places or rejects one order, without company that it could harm."""
    rows = connection.execute(_CLAIM_ALONE, {"id": order_id, "overdue": sweep.OVERDUE_SECONDS})
    return _place(connection, [Claimed(*row[:-1]) for row in rows], terms)


def _place(connection: Connection, claimed: Sequence[Claimed], terms: Terms) -> Placed:
    if not claimed:
        return NOTHING
    if terms.prices.is_plain:
        return _decide(connection, claimed, terms, None)
    prices = Pricing(connection, claimed, terms.prices)
    placed = _decide(connection, [order for order in claimed if prices.may_be_placed(order)], terms, prices)
    prices.settle()
    return replace(placed, count=len(claimed) - len(prices.late), first=claimed[0].id, has_more=prices.has_more)


def _decide(connection: Connection, claimed: Sequence[Claimed], terms: Terms, prices: Pricing | None) -> Placed:
    held = _lock_users(connection, claimed)
    skus = units.lock(connection, sorted({sku_id for order in claimed for sku_id in order.sku_ids}))
    if prices is not None:
        prices.again(claimed, skus)
        claimed = [order for order in claimed if prices.may_be_placed(order)]
    known = _known(connection, claimed, skus, prices.totals if prices else {})
    batch = allocation.walk(claimed, known, held, terms)
    wakes = _write(connection, batch, held, known.skus, terms)
    carts = [order.id for order, _ in batch.placed if order.from_cart]
    first = claimed[0].id if claimed else 0
    waited = [order.waited_seconds for order in claimed]
    return Placed(len(claimed), first, wakes, carts, batch.short, batch.outcomes, waited)


def _known(
    connection: Connection, claimed: Sequence[Claimed], skus: dict[str, Sku], priced: Mapping[int, Totals]
) -> Known:
    limited = limits.of(skus)
    wanted = ((order.user_id, sku_id) for order in claimed for sku_id in order.sku_ids)
    bought = limits.read(connection, wanted, limited)
    return Known(skus, {sku.id: sku.stock for sku in skus.values()}, limited, bought, priced)


def _lock_users(connection: Connection, claimed: Sequence[Claimed]) -> dict[int, int]:
    ids = array(sorted({order.user_id for order in claimed}))
    connection.execute(_ADD_USERS, {"ids": ids})
    return {row.id: row.open_orders for row in connection.execute(_LOCK_USERS, {"ids": ids})}


def _write(
    connection: Connection, batch: Batch, held: dict[int, int], skus: Mapping[str, Sku], terms: Terms
) -> list[tuple[int, int]]:
    told: list[Event] = []
    if batch.placed:
        told += _write_placed(connection, batch, held, terms)
    if batch.rejected:
        told += _write_rejected(connection, batch)
    moved = units.move(connection, batch.movement, skus)
    done = [order.id for order, _ in batch.placed] + [order.id for order, _ in batch.rejected]
    connection.execute(_LEAVE, {"ids": array(done)})
    event_log.append(connection, [*told, *moved])
    return list({int(event.subject): event.sequence for event in told}.items())


def _write_placed(connection: Connection, batch: Batch, held: dict[int, int], terms: Terms) -> list[Event]:
    window = {"window": terms.pay_window_seconds}
    opened = [
        (order.id, attempts.number(order.id, 1, order.now), totals.total_fen)
        for order, totals in batch.placed
        if order.pay_method == "alipay"
    ]
    numbers = {order_id: number for order_id, number, _ in opened}
    bought = _lines(batch)
    told = [_events(order, totals.total_fen, bought, numbers.get(order.id)) for order, totals in batch.placed]
    rows = [
        (order.id, totals.goods_fen, totals.discount_fen, totals.freight_fen, events[-1].sequence)
        for (order, totals), events in zip(batch.placed, told, strict=True)
    ]
    connection.execute(_PLACE, _PLACED.values(rows) | window)
    _write_lines(connection, batch)
    if opened:
        connection.execute(_ADD_PAYMENTS, _PAYMENT.values(opened) | window)
    connection.execute(_HOLD, {"ids": array(held), "held": array(held.values())})
    limits.write(connection, batch.purchases)
    if carts := [order for order, _ in batch.placed if order.from_cart]:
        owners = array(order.user_id for order in carts)
        connection.execute(_ADD_CLEARINGS, {"ids": array(order.id for order in carts), "user_ids": owners})
    return list(itertools.chain.from_iterable(told))


def _write_lines(connection: Connection, batch: Batch) -> None:
    special = batch.special
    if special:
        rows = [(*line, *special.get(line[:2], PLAIN)) for line in batch.lines]
        connection.execute(_ADD_SPECIAL_LINES, _SPECIAL_LINE.values(rows))
    else:
        connection.execute(_ADD_LINES, _LINE.values(batch.lines))


def _write_rejected(connection: Connection, batch: Batch) -> list[Event]:
    told = [allocation.rejected(order.id, order, order.version + 1, refusal) for order, refusal in batch.rejected]
    rows = [_rejected(order, refusal) for order, refusal in batch.rejected]
    connection.execute(_REJECT, _REJECTED.values(rows))
    return told


def _rejected(order: Claimed, refusal: Refusal) -> tuple[object, ...]:
    totals = refusal.totals
    amounts = (totals.goods_fen, totals.discount_fen, totals.freight_fen) if totals else (None, None, None)
    return (order.id, refusal.reason, _as_json(refusal.shortages), order.version + 1, *amounts)


def _as_json(shortages: list[dict[str, Any]] | None) -> str | None:
    return msgspec.json.encode(shortages).decode() if shortages else None


def _lines(batch: Batch) -> Lines:
    """What a warehouse needs of each order, so that it asks for nothing."""
    found: Lines = defaultdict(list)
    special, yuan = batch.special, money.yuan
    for order_id, sku_id, spu_id, _, quantity, price_fen in batch.lines:
        amount_fen = price_fen * quantity
        if special:
            amount_fen -= special.get((order_id, sku_id), PLAIN).discount_fen
        line = OrderLine(sku_id=sku_id, spu_id=spu_id, quantity=quantity, amount=yuan(amount_fen))
        found[order_id].append(line)
    return found


def _events(order: Claimed, total_fen: int, bought: Lines, number: str | None) -> list[Event]:
    """That it was placed and, with a number, that its first attempt waits for the buyer."""
    subject, who, total = str(order.id), allocation.who(order.id, order), money.yuan(total_fen)
    status = "awaiting_payment" if order.pay_method == "alipay" else "awaiting_shipment"
    body = {"status": status, "pay_method": order.pay_method, "total_amount": total, "lines": bought[order.id]}
    placed = happened("order.placed", subject, order.version + 1, **who, **body)
    if number is None:
        return [placed]
    body = {"payment_id": f"{subject}-1", "out_trade_no": number, "status": "open", "amount": total}
    return [placed, happened("payment.created", subject, order.version + 2, **who, **body)]
