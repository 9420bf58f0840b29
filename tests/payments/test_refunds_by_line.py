"""Refunds by line: exact to the unit and the fen, whoever ships, cancels or refunds at the same instant."""

from __future__ import annotations

from typing import Any

import pytest

from checkout.audit import invariants
from checkout.db import Engine, reading, transaction
from checkout.errors import CheckoutError, NotRefundable
from checkout.orders.ledger import Ledger
from checkout.payments import refunds
from checkout.payments.refund_lines import Units
from tests.shared.client import Client, problem
from tests.shared.factories import (
    a_sku,
    a_trade,
    attempts,
    order,
    paid,
    placed,
    refund_ends,
    refunded,
    row,
    rows,
    shipped,
    stock_of,
    told,
    topics,
)

LINES = {"1": 3, "2": 1}


@pytest.fixture
def bought(engine: Engine) -> int:
    """A paid order: three units at 10.00, one at 3.50, 10.00 freight."""
    a_sku(engine, "1", stock=9), a_sku(engine, "2", stock=9, price="3.50")
    return paid(engine, lines=LINES)


def ask(client: Client, order_id: int, key: str = "k", **body: Any) -> Any:
    headers = {"Idempotency-Key": key}
    return client.post(f"/v1/orders/{order_id}/refunds", json=body, headers=headers, is_operator=True)


def an_item(sku_id: str = "1", quantity: int = 1) -> dict[str, Any]:
    return {"sku_id": sku_id, "quantity": quantity}


def state(engine: Engine, order_id: int) -> tuple[str, str | None]:
    found = order(engine, order_id)
    return found.status, found.reason


def assert_sound(engine: Engine) -> None:
    with reading(engine) as snapshot:
        assert [finding for finding in invariants.run(snapshot) if not finding.ok] == []


def test_units_that_have_not_left_are_for_sale_again_when_the_money_has_moved(
    client: Client, engine: Engine, bought: int
) -> None:
    answer = ask(client, bought, items=[an_item("1", 2)], reason="少发两件")
    assert (answer.status_code, answer.json["amount"], answer.json["items"]) == (
        202,
        "20.00",
        [{"sku_id": "1", "quantity": 2, "amount": "20.00"}],
    )
    assert (answer.json["freight"], answer.json["restock"]) == ("0.00", False)
    line = row(engine, "order_lines", sku_id="1")
    assert (line.aside_quantity, line.refunding_quantity, stock_of(engine)) == (2, 2, 6)
    [refund] = rows(engine, "refunds")
    with transaction(engine) as connection:
        refund_ends(engine, refunds.find(connection, refund.id, None))
    line = row(engine, "order_lines", sku_id="1")
    assert (line.aside_quantity, line.refunded_quantity, line.returned_quantity, stock_of(engine)) == (0, 2, 2, 8)
    shown = client.get(f"/v1/orders/{bought}").json
    assert (shown["status"], shown["items"][0]["refunded_quantity"]) == ("awaiting_shipment", 2)
    assert client.get(f"/v1/refunds/{refund.id}").json["items"] == answer.json["items"]
    assert_sound(engine)


def test_a_refund_that_fails_sets_its_units_free_once(engine: Engine, bought: int) -> None:
    refund_ends(engine, refunded(engine, bought, {"1": 3}), "failed")
    assert (stock_of(engine), row(engine, "order_lines", sku_id="1").aside_quantity) == (6, 0)
    shipped(engine, bought)
    assert state(engine, bought) == ("shipped", None)
    assert_sound(engine)


def test_units_that_have_left_come_back_only_when_it_is_said(engine: Engine, bought: int) -> None:
    shipped(engine, bought)
    refund_ends(engine, refunded(engine, bought, {"1": 1}))
    assert stock_of(engine) == 6
    refund_ends(engine, refunded(engine, bought, {"1": 1}, restock=True))
    line = row(engine, "order_lines", sku_id="1")
    assert (stock_of(engine), line.shipped_quantity, line.restocked_quantity) == (7, 3, 1)
    assert state(engine, bought) == ("shipped", None)
    assert_sound(engine)


def test_what_has_not_left_goes_first(engine: Engine, bought: int) -> None:
    """One of three has left: of two refunded units both are those that are still here."""
    shipped(engine, bought, sku_1=1)
    refund_ends(engine, refunded(engine, bought, {"1": 2}, restock=True))
    line = row(engine, "order_lines", sku_id="1")
    assert (line.returned_quantity, line.restocked_quantity, stock_of(engine)) == (2, 0, 8)
    refund_ends(engine, refunded(engine, bought, {"1": 1}, restock=True))
    assert (row(engine, "order_lines", sku_id="1").restocked_quantity, stock_of(engine)) == (1, 9)
    assert state(engine, bought) == ("awaiting_shipment", None)
    assert_sound(engine)


def test_all_units_back_close_the_order_even_when_the_freight_is_kept(engine: Engine, bought: int) -> None:
    refund_ends(engine, refunded(engine, bought, {"1": 3}))
    assert state(engine, bought) == ("awaiting_shipment", None)
    refund_ends(engine, refunded(engine, bought, {"2": 1}))
    assert state(engine, bought) == ("closed", "refunded")
    [payment] = attempts(engine, bought)
    assert (payment.status, payment.paid_fen - payment.refunded_fen) == ("paid", 1000)
    assert (stock_of(engine, "1"), stock_of(engine, "2")) == (9, 9)
    assert topics(engine, bought)[-2:] == ["refund.succeeded", "order.closed"]
    assert_sound(engine)


def test_what_is_left_is_refunded_and_something_is_out(engine: Engine, bought: int) -> None:
    shipped(engine, bought, sku_1=3)
    assert state(engine, bought) == ("awaiting_shipment", None)
    refund = refunded(engine, bought, {"2": 1})
    assert state(engine, bought) == ("shipped", None)
    refund_ends(engine, refund)
    assert (state(engine, bought), stock_of(engine, "2")) == (("shipped", None), 9)
    assert topics(engine, bought).count("order.shipped") == 1
    assert_sound(engine)


def test_freight_goes_back_once(client: Client, bought: int) -> None:
    answer = ask(client, bought, items=[an_item("2")], freight=True)
    assert (answer.json["amount"], answer.json["freight"]) == ("13.50", "10.00")
    assert problem(ask(client, bought, "again", items=[an_item("1")], freight=True)) == (422, "refund_exceeds_bought")
    assert ask(client, bought, "without", items=[an_item("1")]).status_code == 202


def test_the_freight_alone_goes_back(client: Client, bought: int) -> None:
    assert ask(client, bought, freight=True).json["amount"] == "10.00"


def test_no_more_units_than_were_bought(client: Client, engine: Engine, bought: int) -> None:
    refunded(engine, bought, {"1": 2})
    for items in ([an_item("1", 2)], [an_item("9")]):
        assert problem(ask(client, bought, items=items)) == (422, "refund_exceeds_bought")
    assert len(rows(engine, "refunds")) == 1


def test_no_more_money_than_amounts_and_the_console_have_left(client: Client, engine: Engine, bought: int) -> None:
    with transaction(engine) as connection:
        refunds.create(connection, bought, 2000, "", "by amount")
    [payment] = attempts(engine, bought)
    told(engine, a_trade(payment, refunded_fen=1000))
    assert problem(ask(client, bought, items=[an_item("1", 3)])) == (422, "refund_exceeds_paid")
    assert ask(client, bought, "less", items=[an_item("1")]).status_code == 202
    assert_sound(engine)


def test_a_full_refund_by_amount_returns_what_has_not_left(engine: Engine, bought: int) -> None:
    shipped(engine, bought, sku_1=1)
    with transaction(engine) as connection:
        refund, _ = refunds.create(connection, bought, 4350, "", "all")
    refund_ends(engine, refund)
    assert (state(engine, bought), stock_of(engine, "1"), stock_of(engine, "2")) == (("closed", "refunded"), 8, 9)
    assert_sound(engine)


def test_the_console_gives_all_of_it_back_while_a_refund_by_line_waits(engine: Engine, bought: int) -> None:
    """Ours cannot move any more: its units are not set aside any longer, and go back once."""
    shipped(engine, bought, sku_1=1)
    waiting = refunded(engine, bought, {"1": 1})
    with transaction(engine) as connection:
        ledger = Ledger(connection, [bought])
        [payment] = ledger.orders[bought].payments
        refunds.record_external(ledger, ledger.orders[bought], payment, 4350)
        ledger.save()
    assert row(engine, "refunds", id=waiting.id).status == "failed"
    assert (state(engine, bought), stock_of(engine, "1"), stock_of(engine, "2")) == (("closed", "refunded"), 8, 9)
    assert_sound(engine)


@pytest.mark.parametrize("parts", [(3,), (1, 2), (2, 1), (1, 1, 1)])
def test_the_last_unit_takes_the_rest_of_its_line(engine: Engine, parts: tuple[int, ...]) -> None:
    """10.00 by three is 3.33, 3.33 and 3.34."""
    a_sku(engine, "1", price="3.34", stock=9)
    order_id = paid(engine, lines={"1": 3})
    with transaction(engine) as connection:  # A discount of 0.02 on the line.
        connection.exec_driver_sql("UPDATE order_lines SET discount_fen = 2")
        connection.exec_driver_sql("UPDATE orders SET discount_fen = 2, total_fen = total_fen - 2")
        connection.exec_driver_sql("UPDATE payments SET amount_fen = 2000, paid_fen = 2000")
    amounts = [refunded(engine, order_id, {"1": count}).amount_fen for count in parts]
    assert amounts == [333 * count + (index == len(parts) - 1) for index, count in enumerate(parts)]


def test_after_a_failure_the_shares_still_sum_to_the_line(engine: Engine) -> None:
    a_sku(engine, "1", price="10.00", stock=9)
    order_id = paid(engine, lines={"1": 3})
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE order_lines SET unit_price_fen = 334, discount_fen = 2")
        connection.exec_driver_sql("UPDATE orders SET goods_fen = 1002, discount_fen = 2, total_fen = 2000")
        connection.exec_driver_sql("UPDATE payments SET amount_fen = 2000, paid_fen = 2000")
        connection.exec_driver_sql("DELETE FROM events")
    first, rest = refunded(engine, order_id, {"1": 1}), refunded(engine, order_id, {"1": 2})
    assert (first.amount_fen, rest.amount_fen) == (333, 667)
    refund_ends(engine, first, "failed")
    refund_ends(engine, rest)
    last = refunded(engine, order_id, {"1": 1})
    assert last.amount_fen == 333
    refund_ends(engine, last)
    assert (state(engine, order_id), stock_of(engine)) == (("closed", "refunded"), 9)


def test_the_same_key_is_the_same_refund_and_another_request_is_refused(client: Client, bought: int) -> None:
    first = ask(client, bought, items=[an_item("1"), an_item("2")])
    again = ask(client, bought, items=[an_item("2"), an_item("1")])
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json["items"] == first.json["items"]
    for other in ({"items": [an_item("1")]}, {"amount": "13.50"}):
        assert problem(ask(client, bought, **other)) == (422, "idempotency_key_reused")
    assert problem(ask(client, bought, items=[an_item("1"), an_item("2")], restock=True)) == (
        422,
        "idempotency_key_reused",
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$"),
        ({"items": []}, "$"),
        ({"amount": "1.00", "items": [an_item()]}, "amount"),
        ({"amount": "1.00", "freight": True}, "amount"),
        ({"amount": "0.00"}, "amount"),
        ({"items": [an_item("1", 0)]}, "items[0].quantity"),
        ({"items": [{"sku_id": "1"}]}, "items[0].quantity"),
        ({"items": [an_item()], "restock": "yes"}, "restock"),
    ],
)
def test_bad_requests_are_told_with_their_path(
    client: Client, engine: Engine, bought: int, body: dict[str, Any], path: str
) -> None:
    answer = ask(client, bought, **body)
    assert problem(answer) == (422, "invalid")
    assert answer.json["errors"][0]["path"].startswith(path)
    assert rows(engine, "refunds") == []


def test_cash_is_not_refunded_by_line(engine: Engine) -> None:
    a_sku(engine)
    with pytest.raises(NotRefundable):
        refunded(engine, placed(engine, pay_method="cash"), {"1": 1})


def test_what_nothing_was_paid_for_is_not_refunded_alone(engine: Engine) -> None:
    a_sku(engine, "1"), a_sku(engine, "gift")
    order_id = paid(engine, lines={"1": 1, "gift": 1})
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE order_lines SET discount_fen = unit_price_fen WHERE sku_id = 'gift'")
    with pytest.raises(CheckoutError, match="nothing was paid"):
        refunded(engine, order_id, {"gift": 1})
    assert refunded(engine, order_id, {"1": 1, "gift": 1}).amount_fen == 1000


def test_units_and_their_money_are_one_refund_of_the_buyers(engine: Engine, bought: int) -> None:
    with transaction(engine) as connection:
        refund, _ = refunds.create(connection, bought, Units({"1": 1}), "reason", "key")
    assert (refund.source, refund.amount_fen, refund.lines) == ("operator", 1000, [["1", 1, 1000]])
