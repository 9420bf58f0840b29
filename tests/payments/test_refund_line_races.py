"""Refunds by line at the same instant as parcels, other refunds and Alipay's console: no unit goes two ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checkout.audit import invariants
from checkout.db import Engine, reading, transaction
from checkout.errors import NotShippable, RefundExceedsBought, RefundExceedsPaid
from checkout.payments import refunds
from tests.shared.client import Client
from tests.shared.factories import a_sku, a_trade, attempts, paid, refund_ends, refunded, row, rows, shipped, told
from tests.shared.threads import at_once


@pytest.fixture
def bought(engine: Engine) -> int:
    """A paid order of three units of one SKU and one of another."""
    a_sku(engine, "1", stock=9), a_sku(engine, "2", stock=9)
    return paid(engine, lines={"1": 3, "2": 1})


def assert_sound(engine: Engine) -> None:
    with reading(engine) as snapshot:
        assert [finding for finding in invariants.run(snapshot) if not finding.ok] == []


def outcome(step: Callable[[], Any]) -> str:
    try:
        step()
    except (NotShippable, RefundExceedsBought, RefundExceedsPaid) as error:
        return error.code
    return "done"


def test_one_unit_refunded_twice_at_the_same_instant_goes_back_once(
    client: Client, engine: Engine, bought: int
) -> None:
    body = {"items": [{"sku_id": "2", "quantity": 1}]}
    path = f"/v1/orders/{bought}/refunds"
    calls = [
        client.call("POST", path, json=body, headers={"Idempotency-Key": key}, is_operator=True) for key in ("a", "b")
    ]
    assert sorted(answer.status_code for answer in client.together(calls)) == [202, 422]
    assert row(engine, "order_lines", sku_id="2").refunding_quantity == 1


@pytest.mark.parametrize("turn", range(4))
def test_who_ships_and_who_refunds_at_the_same_instant_never_have_the_same_unit(
    engine: Engine, bought: int, turn: int
) -> None:
    [payment] = attempts(engine, bought)
    steps: list[Callable[[], Any]] = [
        lambda: shipped(engine, bought),
        lambda: refunded(engine, bought, {"1": 3, "2": 1}),
        lambda: refunded(engine, bought, {"1": 2}, restock=True),
        lambda: told(engine, a_trade(payment, refunded_fen=500)),
    ]
    at_once(outcome, steps[turn:] + steps[:turn])
    for refund in rows(engine, "refunds"):
        if refund.status == "requested":
            with transaction(engine) as connection:
                found = refunds.find(connection, refund.id, None)
            refund_ends(engine, found, "succeeded" if turn % 2 else "failed")
    assert_sound(engine)
