"""One shop in which everything has happened once, for the audit to prove and for tests to break."""

from __future__ import annotations

from checkout.db import Engine, transaction
from checkout.orders import closing, shipping, sweep
from checkout.orders.ledger import Payment
from checkout.payments import refunds
from checkout.stock import units
from tests.shared.factories import a_sku, a_trade, an_attempt, an_order, paid, placed, time_passes, told

# The orders by what became of them, in the order in which `fill` makes them.
ACCEPTED, AWAITING, CASH, COMPLETED, PARTLY, REFUNDED, EXPIRED, REINSTATED = range(1, 9)
CANCELLED, CLOSING, TWICE, REJECTED, OFFERED = range(9, 14)
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
    with transaction(engine) as connection:  # It sells out, and comes back.
        units.put(connection, "3", 0)
    with transaction(engine) as connection:
        units.put(connection, "3", 1)


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
