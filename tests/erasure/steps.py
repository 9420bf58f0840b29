"""What tests of erasure do, and what they look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkout.audit import invariants
from checkout.db import Engine, reading, sql, transaction
from checkout.erasure import orders as erasing
from checkout.erasure import wishes
from checkout.orders import closing
from tests.shared.factories import (
    a_trade,
    an_attempt,
    order,
    place_all,
    placed,
    told,
)

NAMED = {"recipient": "", "phone": "", "detail": "", "remark": "", "metadata": None}


def erase(engine: Engine, user_id: int | None = None, retention_seconds: int = 0) -> None:
    """The user wishes it, if one is named; then the workers' step."""
    if user_id is not None:
        with transaction(engine) as connection:
            wishes.store(connection, user_id)
    for _ in erasing.run(engine, retention_seconds):
        pass


def again(engine: Engine) -> None:
    """Some seconds later."""
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE erasures_due SET due_at = now()"))
    erase(engine)


def a_minute_passes(engine: Engine) -> None:
    """All that was accepted by now is there for everybody to see."""
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE orders SET accepted_at = accepted_at - interval '1 minute 1 second'"))


def is_erased(engine: Engine, order_id: int) -> bool:
    found = order(engine, order_id)
    told = {name: getattr(found, name) for name in NAMED}
    assert (told == NAMED) == (found.erased_at is not None)
    return found.erased_at is not None


def a_full_order(engine: Engine, **more: Any) -> int:
    return placed(engine, remark="给王小明", metadata={"gift": "for Han Meimei"}, **more)


def run(step: Callable[[], None]) -> None:
    step()


def placed_now(engine: Engine, order_id: int) -> None:
    place_all(engine, [order_id])


# What these tests' own clock does to orders and keys.
MOVED = (
    *("pay_before_of_orders", "payable_until_of_attempts"),
    *("orders_match_keys", "digests_of_order_keys"),
)


def whole(engine: Engine) -> bool:
    with reading(engine) as connection:
        broken = [finding for finding in invariants.run(connection) if not finding.ok]
    return {finding.name for finding in broken} <= set(MOVED)


def expired(engine: Engine, **attempt: Any) -> tuple[int, Any]:
    """An order that was not paid in time, and the attempt that Alipay has closed."""
    order_id = a_full_order(engine)
    payment = an_attempt(engine, order_id, **attempt)
    with transaction(engine) as connection:
        connection.execute(
            sql("UPDATE orders SET pay_before = now() - interval '1 s' WHERE id = :id"), {"id": order_id}
        )
        due = sql("UPDATE payments SET due_at = now() - interval '1 s' WHERE order_id = :id")
        connection.execute(due, {"id": order_id})
        closing.expire(connection, 10)
    told(engine, a_trade(payment, "TRADE_CLOSED"))
    assert order(engine, order_id).reason == "expired"
    return order_id, payment
