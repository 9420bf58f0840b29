"""Every path that locks, against every other, at once: PostgreSQL counts no deadlock."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import OperationalError

from checkout import db
from checkout.alipay.client import Done
from checkout.audit import invariants
from checkout.db import Engine, sql, transaction
from checkout.errors import CheckoutError
from checkout.orders import acceptance, closing, shipping, views
from checkout.payments import offers, queries, refund_calls, refunds
from checkout.payments.offers import Asked, Way
from checkout.payments.refund_lines import Units
from checkout.prices.basket import Line
from checkout.prices.policy import Policy
from checkout.stock import catalog, units
from checkout.stock.catalog import Item
from tests.shared.answers import Answers
from tests.shared.factories import TERMS, a_request, a_sku, a_trade, place_all, rows, time_passes, told
from tests.shared.processes import eventually
from tests.shared.threads import at_once

SEED = 20_261_122
SKUS = "abcd"
USERS = 20
THREADS = 8
STEPS = 80
MOST_ROUNDS = 20
# What a round may miss by chance; another follows until each was met, since a path not taken proves nothing.
WANTED = {"expired", "cancelled", "refunded", "order.reinstated", "operator succeeded", "external succeeded"}
WANTED |= {"completed", "restocked", "returned", "limited", "parked"}

Step = Callable[[Engine, random.Random], object]


def some_ids(engine: Engine, rng: random.Random, count: int, which: str = "true") -> list[int]:
    """A few orders, in no order, so that many meet on the same ones."""
    with transaction(engine) as connection:
        statement = sql(f"SELECT id FROM orders WHERE {which} ORDER BY id DESC LIMIT 12")
        found = list(connection.execute(statement).scalars())
    return rng.sample(found, min(count, len(found)))


def place(engine: Engine, rng: random.Random) -> None:
    lines = [dict.fromkeys(rng.sample(SKUS, 3), 1) for _ in range(4)]
    requests = [a_request(rng.randint(1, USERS), lines=line) for line in lines]
    with transaction(engine) as connection:
        ids = [accepted.order_id for accepted in acceptance.accept(connection, requests)]
    place_all(engine, ids, PRICED if rng.random() < 0.3 else TERMS)


def priced(lines: Sequence[Line], user_id: int, *_: object) -> tuple[list[int], None]:
    if user_id % 7 == 0:
        raise ValueError("this user's orders are parked")
    return [0] * len(lines), None


PRICED = replace(TERMS, prices=Policy(1000, function=priced))


def offer(engine: Engine, rng: random.Random) -> None:
    with transaction(engine) as connection:
        found = views.read(connection, some_ids(engine, rng, 3)).values()
        asked = [Asked(view.id, view.user_id, Way(rng.choice(["page", "wap"]))) for view in found]
        offers.make(connection, asked, 1)


def attempts_of_some(engine: Engine, rng: random.Random, count: int) -> list[Any]:
    found = [payment for id_ in some_ids(engine, rng, count) for payment in rows(engine, "payments", order_id=id_)]
    rng.shuffle(found)
    return found


def pay(engine: Engine, rng: random.Random) -> None:
    found = [payment for payment in attempts_of_some(engine, rng, 4) if payment.offered_at]
    told(engine, *(a_trade(payment, rng.choice(["TRADE_SUCCESS", "TRADE_CLOSED"])) for payment in found))


def expire(engine: Engine, rng: random.Random) -> None:
    for order_id in some_ids(engine, rng, 3):
        time_passes(engine, order_id, minutes=31)
    with transaction(engine) as connection:
        closing.expire(connection, 50)


def reinstate(engine: Engine, rng: random.Random) -> None:
    """An order that is closed in time, and whose money comes when the goods are there again."""
    user, sku = rng.randint(USERS + 1, 100_000), rng.choice(SKUS)
    with transaction(engine) as connection:
        units.add(connection, sku, 2)
    with transaction(engine) as connection:
        [accepted] = acceptance.accept(connection, [a_request(user, lines={sku: 1})])
    place_all(engine, [accepted.order_id])
    with transaction(engine) as connection:
        offers.make(connection, [Asked(accepted.order_id, user, Way("page"))], 1)
    time_passes(engine, accepted.order_id, minutes=31)
    with transaction(engine) as connection:
        closing.expire(connection, 50)
    for status in ("TRADE_CLOSED", "TRADE_SUCCESS"):
        told(engine, *(a_trade(payment, status) for payment in rows(engine, "payments", order_id=accepted.order_id)))


def cancel(engine: Engine, rng: random.Random) -> None:
    for order_id in some_ids(engine, rng, 2):
        with suppress(CheckoutError), transaction(engine) as connection:
            closing.cancel(connection, order_id, None)


def claim(engine: Engine, _: random.Random) -> None:
    with transaction(engine) as connection:
        queries.claim(connection, 5)


def hasten(engine: Engine, rng: random.Random) -> None:
    for payment in attempts_of_some(engine, rng, 2):
        with transaction(engine) as connection:
            queries.hasten(connection, payment.out_trade_no)


def refund(engine: Engine, rng: random.Random) -> None:
    for order_id in some_ids(engine, rng, 3, "status = 'awaiting_shipment'"):
        with suppress(CheckoutError), transaction(engine) as connection:
            refunds.create(connection, order_id, 100, "", f"{rng.random()}")


def send_refund(engine: Engine, _: random.Random) -> None:
    with transaction(engine) as connection:
        due = refund_calls.claim(connection, 100_000)
    if due:
        refund_calls.send(engine, Answers(Done({"fund_change": "Y", "refund_fee": "1000.00"})), due, 1)


def console_refund(engine: Engine, rng: random.Random) -> None:
    found = [payment for payment in attempts_of_some(engine, rng, 3) if payment.paid_fen]
    told(engine, *(a_trade(payment, refunded_fen=payment.paid_fen) for payment in found))


def restock(engine: Engine, rng: random.Random) -> None:
    with transaction(engine) as connection:
        units.add(connection, rng.choice(SKUS), 4)


def load(engine: Engine, rng: random.Random) -> None:
    with transaction(engine) as connection:
        limits = {sku: 500 if sku in "ab" else 0 for sku in SKUS}
        items = [Item(sku, f"spu-{sku}", "t", "10.00", limit_per_user=limits[sku]) for sku in rng.sample(SKUS, 4)]
        catalog.load(connection, items)


def ship(engine: Engine, rng: random.Random) -> None:
    for order_id in some_ids(engine, rng, 1, "status = 'awaiting_shipment'"):
        with suppress(CheckoutError), transaction(engine) as connection:
            shipping.ship(connection, order_id)


def send(engine: Engine, rng: random.Random) -> None:
    for order_id in some_ids(engine, rng, 2, "status IN ('awaiting_shipment', 'shipped')"):
        units = dict.fromkeys(rng.sample(SKUS, 1), 1) if rng.random() < 0.7 else None
        with suppress(CheckoutError), transaction(engine) as connection:
            shipping.send(connection, order_id, units, shipping.UNTOLD)


def complete(engine: Engine, _: random.Random) -> None:
    with transaction(engine) as connection:
        shipping.complete_due(connection, 1, 50)


def refund_lines(engine: Engine, rng: random.Random) -> None:
    for order_id in some_ids(engine, rng, 3, "status IN ('awaiting_shipment', 'shipped', 'completed')"):
        units = Units(dict.fromkeys(rng.sample(SKUS, rng.randint(1, 2)), 1), restock=rng.random() < 0.5)
        with suppress(CheckoutError), transaction(engine) as connection:
            refunds.create(connection, order_id, units, "", f"{rng.random()}")


PATHS: tuple[Step, ...] = (
    *(
        place,
        place,
        offer,
        offer,
        offer,
        pay,
        pay,
        pay,
        expire,
        cancel,
        claim,
        hasten,
        refund,
        send_refund,
        send_refund,
        console_refund,
    ),
    *(restock, load, ship, ship, reinstate, send, send, complete, refund_lines, refund_lines),
)


def deadlocks(engine: Engine) -> int:
    with transaction(engine) as connection:
        statement = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        count: int = connection.execute(sql(statement)).scalar_one()
    return count


def one_round(engine: Engine, number: int) -> None:
    def work(thread: int) -> None:
        rng = random.Random(SEED + number * THREADS + thread)
        for _ in range(STEPS):
            rng.choice(PATHS)(engine, rng)

    at_once(work, range(THREADS))


def met(engine: Engine) -> set[str]:
    """How orders ended, which refunds came through, and what else happened."""
    ends = {order.reason or order.status for order in rows(engine, "orders")}
    refunded = {f"{refund.source} {refund.status}" for refund in rows(engine, "refunds")}
    lines = {
        name
        for name in ("restocked", "returned")
        for row in rows(engine, "order_lines")
        if getattr(row, f"{name}_quantity")
    }
    more = {"limited"} if rows(engine, "purchases") else set()
    more |= {"parked"} if any(row.parked for row in rows(engine, "arrivals")) else set()
    return ends | refunded | lines | more | {event.topic for event in rows(engine, "events")}


def test_no_two_paths_wait_for_each_other_in_a_ring(engine: Engine, database_url: str) -> None:
    for sku in SKUS:
        a_sku(engine, sku, stock=60, spu_id=f"spu-{sku}")
    busy = db.connect(database_url, size=THREADS)
    for number in range(MOST_ROUNDS):
        one_round(busy, number)
        if met(engine) >= WANTED:
            break
    busy.dispose()  # A backend reports its counts at its end, if not before.
    assert deadlocks(engine) == 0
    assert WANTED - met(engine) == set()
    with db.reading(engine) as snapshot:
        assert [finding for finding in invariants.run(snapshot) if not finding.ok] == []


def test_a_ring_is_counted_when_there_is_one(engine: Engine, database_url: str) -> None:
    """The negative control: the same two SKUs, locked in opposite orders."""
    a_sku(engine, "a"), a_sku(engine, "b")
    careless = db.connect(database_url)
    both_hold_one = threading.Barrier(2)
    failed: list[str] = []

    def take(pair: str) -> None:
        try:
            with transaction(careless) as connection:
                units.lock(connection, [pair[0]])
                both_hold_one.wait(30)
                units.lock(connection, [pair[1]])
        except OperationalError as error:
            failed.append(db.sqlstate(error))

    at_once(take, ["ab", "ba"])
    careless.dispose()
    assert failed == ["40P01"]
    eventually(lambda: deadlocks(engine) == 1, "the deadlock is counted")
