"""Notifies lose what names their buyer, whenever they come; what they say of money stays."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from checkout.alipay import notify
from checkout.db import Engine, sql, transaction
from checkout.erasure import orders as erasing
from checkout.erasure import wishes
from checkout.orders import shipping
from checkout.payments import notifies
from tests.erasure.steps import a_full_order, again, erase, expired, run, whole
from tests.shared.databases import on_each_version
from tests.shared.factories import (
    RULES,
    a_sku,
    an_attempt,
    order,
    row,
    shipped,
)
from tests.shared.notifies import Signer
from tests.shared.processes import eventually
from tests.shared.threads import at_once

pytestmark = on_each_version

BUYER = {"buyer_id": "2088102122458832", "buyer_logon_id": "159****5620", "body": "张三"}


def stored(engine: Engine, signer: Signer, payment: Any, **changes: str) -> int:
    """A notify in the inbox."""
    params = signer.signed(signer.params(payment, **BUYER, **changes))
    news = notify.Notify(notify._fact(params), notify.trade(params), params)
    with transaction(engine) as connection:
        [number], [fits] = notifies.store(connection, [news])
    assert fits
    return number


def applied(engine: Engine) -> None:
    for _ in notifies.run(engine, RULES):
        pass


@pytest.fixture
def signer(alipay_sides: Any) -> Signer:
    return Signer(alipay_sides)


def test_notifies_lose_what_names_the_buyer_and_keep_what_was_applied(engine: Engine, signer: Signer) -> None:
    a_sku(engine, stock=9)
    order_id = a_full_order(engine)
    stored(engine, signer, an_attempt(engine, order_id))
    applied(engine)
    shipped(engine, order_id)
    with transaction(engine) as connection:
        shipping.complete(connection, order_id, 1)
    before = row(engine, "notifies")
    erase(engine, 1)
    after = row(engine, "notifies")
    assert after.blanked_at is not None
    assert (after.fact, after.outcome, after.applied_at) == (before.fact, before.outcome, before.applied_at)
    assert not {*BUYER, "subject", "sign"} & after.params.keys()
    assert notify.trade(after.params) == notify.trade(before.params)
    assert notify._fact(after.params) == notify._fact(before.params)
    assert whole(engine)


def test_a_notify_that_comes_after_the_erasure_is_not_kept_with_its_buyer(engine: Engine, signer: Signer) -> None:
    a_sku(engine, stock=9)
    order_id, payment = expired(engine)
    erase(engine, 1)
    number = stored(engine, signer, payment)
    applied(engine)
    late = row(engine, "notifies", id=number)
    assert (late.outcome, late.blanked_at is not None, "buyer_id" in late.params) == ("applied", True, False)
    assert order(engine, order_id).status == "closed"


def test_a_notify_that_cannot_be_applied_is_not_kept_with_its_buyer(engine: Engine, signer: Signer) -> None:
    a_sku(engine, stock=9)
    _, payment = expired(engine)
    erase(engine, 1)
    number = stored(engine, signer, payment)
    with transaction(engine) as connection:
        connection.execute(sql("ALTER TABLE payments ADD CONSTRAINT broken CHECK (paid_fen = 0) NOT VALID"))
    applied(engine)
    late = row(engine, "notifies", id=number)
    assert (late.outcome, late.blanked_at is not None, "buyer_id" in late.params) == ("failed", True, False)


def test_a_notify_that_is_put_aside_while_its_order_is_erased_leaves_no_buyer(engine: Engine, signer: Signer) -> None:
    """The erasure has looked for applied notifies already, and is not committed yet."""
    a_sku(engine, stock=9)
    _, payment = expired(engine)
    number = stored(engine, signer, payment)

    def park() -> None:
        with transaction(engine) as connection:
            notifies._park(connection, number, "22003 out of range")

    parking = threading.Thread(target=park)
    with transaction(engine) as connection:
        wishes.store(connection, 1)
        assert erasing.erase_due(connection, 0)[1]
        parking.start()
        waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        eventually(lambda: one(engine, waiting) or not parking.is_alive(), "who puts it aside waits")
    parking.join(100)
    late = row(engine, "notifies", id=number)
    assert (late.outcome, late.blanked_at is not None, "buyer_id" in late.params) == ("failed", True, False)


def one(engine: Engine, statement: str) -> Any:
    with transaction(engine) as connection:
        return connection.execute(sql(statement)).scalar_one()


def test_a_notify_and_the_erasure_at_the_same_instant_leave_no_buyer(engine: Engine, signer: Signer) -> None:
    """Whichever comes first, the other sees it."""
    a_sku(engine, stock=99)
    for _ in range(10):
        _, payment = expired(engine)
        stored(engine, signer, payment, trade_no=f"T{payment.order_id}")
        at_once(run, [lambda: erase(engine, 1), lambda: applied(engine)])
        again(engine)
        found = row(engine, "notifies", out_trade_no=payment.out_trade_no)
        assert found.outcome == "applied"
        if order(engine, payment.order_id).erased_at:
            assert (found.blanked_at is not None, "buyer_id" in found.params) == (True, False)
    assert whole(engine)
