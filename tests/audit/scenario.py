"""One shop in which everything has happened once, for the audit to prove and for tests to break."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from checkout.db import Engine, sql, transaction
from checkout.erasure import orders as erasing
from checkout.erasure import wishes
from checkout.orders import closing, shipping, sweep
from checkout.orders.ledger import Payment
from checkout.payments import refunds
from checkout.prices.basket import Line
from checkout.prices.policy import Policy
from checkout.stock import units
from checkout.webhooks import endpoints
from tests.shared.factories import (
    TERMS,
    a_sku,
    a_trade,
    an_attempt,
    an_order,
    paid,
    placed,
    refund_ends,
    refunded,
    shipped,
    time_passes,
    told,
)

# The orders by what became of them, in the order in which `fill` makes them.
ACCEPTED, AWAITING, CASH, COMPLETED, PARTLY, REFUNDED, EXPIRED, REINSTATED = range(1, 9)
CANCELLED, CLOSING, TWICE, REJECTED, OFFERED = range(9, 14)
PARCEL, RESTOCKED, LIMITED, DISCOUNTED, ERASED = range(14, 19)
LINES = {"1": 2, "2": 1}


def fill(engine: Engine) -> None:
    """Fills an empty, migrated database."""
    a_sku(engine, "1", stock=1000)
    a_sku(engine, "2", stock=1000, spu_id="2", price="3.50")
    a_sku(engine, "3", stock=1)
    _park(engine, an_order(engine, lines={"1": 1}))
    placed(engine, lines=LINES)
    placed(engine, lines=LINES, pay_method="cash")
    _complete(engine, paid(engine, lines=LINES))
    _ask_for_refund(engine, paid(engine, lines=LINES))
    _refund_in_the_console(engine)
    _expire(engine)
    told(engine, a_trade(_expire(engine)))
    _cancel(engine, placed(engine, lines=LINES))
    _cancel(engine, an_attempt(engine, placed(engine, lines=LINES)).order_id)
    _pay_twice(engine)
    placed(engine, lines={"3": 5})
    an_attempt(engine, placed(engine, lines=LINES))
    _send_a_part(engine, paid(engine, lines=LINES))
    _take_a_part_back(engine, paid(engine, lines=LINES))
    a_sku(engine, "4", stock=9, limit=3)
    placed(engine, lines={"4": 2})
    placed(engine, lines=LINES, terms=replace(TERMS, prices=Policy(1000, function=half_price)))
    _erase(engine, placed(engine, user_id=77, lines=LINES))
    with transaction(engine) as connection:
        endpoints.add(connection, "https://93.184.215.14/hook", ["#"])
    with transaction(engine) as connection:  # It sells out, and comes back.
        units.put(connection, "3", 0)
    with transaction(engine) as connection:
        units.put(connection, "3", 1)


def half_price(lines: Sequence[Line], *_: object) -> tuple[list[int], None]:
    return [line.amount_fen // 2 for line in lines], None


def _send_a_part(engine: Engine, order_id: int) -> None:
    """One unit of two is out, and the other set aside, because its money is on its way back."""
    shipped(engine, order_id, sku_1=1)
    refunded(engine, order_id, {"1": 1})


def _take_a_part_back(engine: Engine, order_id: int) -> None:
    shipped(engine, order_id)
    refund_ends(engine, refunded(engine, order_id, {"1": 1}, freight=True, restock=True))


def _erase(engine: Engine, order_id: int) -> None:
    """Its user wished it, and Alipay told of it before."""
    payment = an_attempt(engine, order_id)
    told(engine, a_trade(payment, "TRADE_CLOSED"))
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, None)
        params = {"out_trade_no": payment.out_trade_no, "trade_no": "T", "trade_status": "TRADE_CLOSED"}
        params |= {"total_amount": "1.00", "buyer_id": "2088102122458832", "sign": "x"}
        heard = sql("""
            INSERT INTO notifies (fact, out_trade_no, params, applied_at, outcome)
            VALUES (gen_random_uuid(), :number, CAST(:params AS jsonb), now(), 'applied')
        """)
        connection.execute(heard, {"number": payment.out_trade_no, "params": json.dumps(params)})
        wishes.store(connection, 77)
    for _ in erasing.run(engine, 0):
        pass


def _park(engine: Engine, order_id: int) -> None:
    """Left alone while others are placed."""
    with transaction(engine) as connection:
        sweep.fail_alone(connection, order_id, "22003 out of range", parked=True)


def _complete(engine: Engine, order_id: int) -> None:
    with transaction(engine) as connection:
        shipping.ship(connection, order_id)
    with transaction(engine) as connection:
        shipping.complete(connection, order_id, None)


def _ask_for_refund(engine: Engine, order_id: int) -> None:
    with transaction(engine) as connection:
        refunds.create(connection, order_id, 100, "damaged", "key")


def _refund_in_the_console(engine: Engine) -> None:
    attempt = an_attempt(engine, placed(engine, lines=LINES))
    told(engine, a_trade(attempt))
    told(engine, a_trade(attempt, refunded_fen=attempt.amount_fen))


def _expire(engine: Engine) -> Payment:
    """An order whose one attempt Alipay has closed."""
    attempt = an_attempt(engine, placed(engine, lines=LINES))
    time_passes(engine, attempt.order_id, minutes=31)
    with transaction(engine) as connection:
        closing.expire(connection, 200)
    told(engine, a_trade(attempt, "TRADE_CLOSED"))
    return attempt


def _cancel(engine: Engine, order_id: int) -> None:
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, None)


def _pay_twice(engine: Engine) -> None:
    order_id = placed(engine, lines=LINES)
    first, second = an_attempt(engine, order_id), an_attempt(engine, order_id, "wap")
    told(engine, a_trade(first))
    told(engine, a_trade(second))
