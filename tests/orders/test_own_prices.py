"""A shop's own prices: asked before anything is locked, exact in lines and totals, and harmless when they fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from checkout import settings as all_settings
from checkout import startup
from checkout.audit import heartbeats, invariants, stuck
from checkout.db import Engine, reading, sql, transaction
from checkout.errors import SettingsError
from checkout.orders import pricing, sweep, turns
from checkout.orders.allocation import Terms
from checkout.prices import function
from checkout.prices.basket import Line
from checkout.prices.policy import Policy
from checkout.stock import catalog
from checkout.stock.catalog import Item
from examples import prices
from tests.shared.client import an_order_body, problem, serving
from tests.shared.factories import (
    TERMS,
    a_sku,
    an_order,
    attempts,
    many_orders,
    order,
    paid,
    place_all,
    placed,
    refund_ends,
    refunded,
    rows,
    stock_of,
    topics,
)

Answer = tuple[Any, Any]


def terms(ask: Callable[..., Any]) -> Terms:
    return replace(TERMS, prices=Policy(1000, function=ask))


def half(lines: Sequence[Line], *_: Any) -> Answer:
    return [line.amount_fen // 2 for line in lines], None


def assert_sound(engine: Engine) -> None:
    with reading(engine) as snapshot:
        assert [finding for finding in invariants.run(snapshot) if not finding.ok] == []


def test_discounts_stand_in_the_lines_and_the_total_is_what_is_paid(engine: Engine) -> None:
    a_sku(engine, "1", stock=9, price="9.99"), a_sku(engine, "2", stock=9, price="3.33")
    order_id = paid(engine, lines={"1": 2, "2": 1}, terms=terms(half), expected_total="21.66")
    stored = order(engine, order_id)
    assert (stored.goods_fen, stored.discount_fen, stored.freight_fen, stored.total_fen) == (2331, 1165, 1000, 2166)
    assert [line.discount_fen for line in rows(engine, "order_lines")] == [999, 166]
    assert attempts(engine, order_id)[0].paid_fen == 2166
    told = rows(engine, "events", topic="order.placed")[0].data
    assert ([line["amount"] for line in told["lines"]], told["total_amount"]) == (["9.99", "1.67"], "21.66")
    refund_ends(engine, refunded(engine, order_id, {"1": 1, "2": 1}, freight=True))
    refund_ends(engine, refunded(engine, order_id, {"1": 1}))
    assert (attempts(engine, order_id)[0].refunded_fen, order(engine, order_id).status) == (2166, "closed")
    assert_sound(engine)


def test_the_function_hears_of_lines_user_region_and_metadata(engine: Engine) -> None:
    a_sku(engine, "1", price="5.00", weight_g=250)
    heard: list[Any] = []

    def listen(*said: Any) -> Answer:
        heard.extend(said)
        return [0], 42

    order_id = placed(engine, user_id=7, metadata={"level": "gold"}, lines={"1": 2}, terms=terms(listen))
    lines, user_id, region, metadata = heard
    assert lines == [Line("1", "1", "SKU 1", 2, 500, 250)]
    assert (user_id, region, metadata) == (7, "上海市 徐汇区", {"level": "gold"})
    assert order(engine, order_id).total_fen == 1042


def test_another_total_than_was_expected_is_refused_with_the_new_one(engine: Engine) -> None:
    a_sku(engine)
    stored = order(engine, placed(engine, terms=terms(half), expected_total="20.00"))
    assert (stored.reason, stored.discount_fen, stored.total_fen) == ("price_changed", 500, 1500)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "did not answer (discounts, freight)"),
        (([0, 0], None), "one discount for each line"),
        (([-1], None), "not fen from 0 to its amount"),
        (([1001], None), "not fen from 0 to its amount"),
        (([1.5], None), "not fen from 0 to its amount"),
        (([True], None), "not fen from 0 to its amount"),
        (([0], -1), "neither fen nor None"),
        (([0], "10.00"), "neither fen nor None"),
        (([1000], 0), "leaves nothing to pay"),
        (ZeroDivisionError("a secret of 李雷"), "raised ZeroDivisionError"),
    ],
)
def test_nonsense_parks_its_own_order_and_no_other(engine: Engine, answer: Any, why: str) -> None:
    a_sku(engine, stock=9)
    ids = many_orders(engine, 3)

    def sometimes(lines: Sequence[Line], user_id: int, *_: Any) -> Any:
        if user_id != 2:
            return half(lines)
        if isinstance(answer, Exception):
            raise answer
        return answer

    place_all(engine, ids, terms(sometimes))
    assert [order(engine, order_id).status for order_id in ids] == ["awaiting_payment", "accepted", "awaiting_payment"]
    with transaction(engine) as connection:
        [matter] = [found for found in stuck.find(connection) if found.kind == "order_parked"]
    assert (matter.order_id, why in matter.detail, "李雷" in matter.detail) == (ids[1], True, False)
    assert stock_of(engine) == 7
    with transaction(engine) as connection:
        sweep.retry(connection, [ids[1]])
    turns.run_alone(engine, ids[1], terms(half))
    assert order(engine, ids[1]).status == "awaiting_payment"
    assert_sound(engine)


def test_a_price_that_moved_meanwhile_is_asked_for_again(engine: Engine) -> None:
    """The function is asked before the SKUs are locked; what it was told then must not be what the buyer pays."""
    a_sku(engine, "1"), a_sku(engine, "2")
    ids = [an_order(engine, lines={"1": 1}), an_order(engine, lines={"2": 1})]
    asked: list[int] = []

    def dearer_meanwhile(lines: Sequence[Line], *_: Any) -> Answer:
        asked.append(lines[0].unit_price_fen)
        if len(asked) == 1:
            with transaction(engine) as connection:
                catalog.load(connection, [Item("1", "1", "SKU 1", "20.00")])
        return [lines[0].amount_fen // 2], None

    place_all(engine, ids, terms(dearer_meanwhile))
    assert asked == [1000, 1000, 2000]
    assert [order(engine, order_id).total_fen for order_id in ids] == [2000, 1500]
    assert_sound(engine)


def test_nobody_waits_for_a_lock_while_the_function_thinks(engine: Engine) -> None:
    a_sku(engine, stock=9)
    thinking, go_on = threading.Event(), threading.Event()

    def slow(*_: Any) -> Answer:
        thinking.set()
        assert go_on.wait(60)
        return [0], None

    order_id = an_order(engine)
    worker = threading.Thread(target=place_all, args=(engine, [order_id], terms(slow)))
    worker.start()
    assert thinking.wait(60)
    with transaction(engine) as connection:
        connection.execute(sql("SET LOCAL lock_timeout = '1s'"))
        connection.execute(sql("INSERT INTO users (id) VALUES (1) ON CONFLICT DO NOTHING"))
        connection.execute(sql("SELECT FROM users, skus FOR UPDATE NOWAIT"))
    go_on.set()
    worker.join()
    assert order(engine, order_id).status == "awaiting_payment"


def test_what_a_batch_has_no_time_for_waits_for_the_next_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    a_sku(engine, stock=9)
    ids = many_orders(engine, 5)
    monkeypatch.setattr(pricing, "MOST_SECONDS", 0.0)
    batches = place_all(engine, ids, terms(half))
    assert [batch.count for batch in batches] == [1, 1, 1, 1, 1]
    assert {order(engine, order_id).status for order_id in ids} == {"awaiting_payment"}


def test_after_a_hang_the_rest_is_for_the_next_turn(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's own time limit may be near, and PostgreSQL may have ended the session."""
    a_sku(engine, stock=9)
    ids = many_orders(engine, 3)
    with monkeypatch.context() as patience:
        patience.setattr(pricing, "HANG_SECONDS", 0.0)
        assert place_all(engine, ids, terms(half)) == []
    place_all(engine, ids[1:], terms(half))
    assert [order(engine, order_id).status for order_id in ids] == ["accepted", "awaiting_payment", "awaiting_payment"]
    with transaction(engine) as connection:
        [matter] = stuck.find(connection)
    assert (matter.order_id, matter.kind) == (ids[0], "order_parked")
    assert "the pricing function took 0 s" in matter.detail
    assert_sound(engine)


def test_one_that_hangs_alone_is_parked_too(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    monkeypatch.setattr(pricing, "HANG_SECONDS", 0.0)
    assert turns.run_alone(engine, order_id, terms(half)).count == 0
    assert rows(engine, "arrivals")[0].parked


def test_slow_calls_are_counted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    a_sku(engine, stock=9)
    monkeypatch.setattr(function, "SLOW_SECONDS", 0.0)
    place_all(engine, many_orders(engine, 3), terms(half))
    with transaction(engine) as connection:
        [counted] = [one for one in heartbeats.all_of(connection) if one.loop == "pricing"]
    assert (counted.faults, counted.stands_still) == (3, False)
    monkeypatch.setattr(function, "SLOW_SECONDS", 60.0)
    place_all(engine, many_orders(engine, 1), terms(half))
    with transaction(engine) as connection:
        assert [one.faults for one in heartbeats.all_of(connection) if one.loop == "pricing"] == [3]


def test_unknown_skus_are_no_affair_of_the_function(engine: Engine) -> None:
    assert order(engine, placed(engine, lines={"gone": 1}, terms=terms(half))).reason == "unknown_sku"


def fails(*_: Any) -> Answer:
    raise ValueError("no")


go_on = threading.Event()


def hangs(*_: Any) -> Answer:
    assert go_on.wait(60)
    return [0], None


@pytest.mark.usefixtures("in_process")
def test_a_quote_equals_its_order_and_a_function_that_fails_is_no_price(
    environment: dict[str, str], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_sku(engine, price="100.00")
    items = {"items": [{"sku_id": "1", "quantity": 2}]}
    told = all_settings.parse(environment | {"CHECKOUT_PRICING": "examples.prices:spend_and_save"})
    with serving(told) as client:
        found = client.post("/v1/quotes", json=items).json
        assert (found["items"][0]["discount"], found["discount"], found["total_amount"]) == ("30.00", "30.00", "180.00")
        body = an_order_body(expected_total=found["total_amount"], **items)
        order_id = int(client.order("k", body).json["id"])
        place_all(engine, [order_id], Terms.of(told))
        placed_body = client.get(f"/v1/orders/{order_id}").json
        assert [line["discount"] for line in placed_body["items"]] == ["30.00"]
        assert (placed_body["discount"], placed_body["total_amount"]) == ("30.00", "180.00")
    told = all_settings.parse(environment | {"CHECKOUT_PRICING": "tests.orders.test_own_prices:fails"})
    with serving(told) as client:
        assert problem(client.post("/v1/quotes", json=items)) == (503, "pricing_failed")
    told = all_settings.parse(environment | {"CHECKOUT_PRICING": "tests.orders.test_own_prices:hangs"})
    monkeypatch.setattr("api.runtime.PRICING_SECONDS", 0.01)
    with serving(told) as client:
        assert problem(client.post("/v1/quotes", json=items)) == (503, "unavailable")
        go_on.set()


@pytest.mark.parametrize("name", ["nowhere.module:price", "examples.prices:nothing", "examples.prices", ":", "os:name"])
def test_a_function_that_cannot_be_imported_is_named_at_the_start(environment: dict[str, str], name: str) -> None:
    told = all_settings.parse(environment | {"CHECKOUT_PRICING": name})
    with pytest.raises(SettingsError, match=r"CHECKOUT_PRICING is wrong: name package\.module:function"):
        startup.refuse_what_cannot_serve(told)


def test_spend_and_save_shares_what_is_off_among_the_lines() -> None:
    lines = [Line("a", "a", "", 1, 12_000, 0), Line("b", "b", "", 3, 3_333, 0)]
    assert prices.spend_and_save(lines, 1, "", {}) == ([1637, 1363], None)
    assert prices.spend_and_save(lines[:1], 1, "", {}) == ([0], None)
    assert sum(prices.spend_and_save([*lines, Line("c", "c", "", 7, 9_999, 0)], 1, "", {})[0]) == 12_000


def test_members_pay_less_and_no_freight(engine: Engine) -> None:
    a_sku(engine, stock=9)
    member, other = (
        placed(engine, user_id=1001, terms=terms(prices.member_price)),
        placed(engine, user_id=1, terms=terms(prices.member_price)),
    )
    assert [order(engine, order_id).total_fen for order_id in (member, other)] == [950, 2000]
    assert topics(engine, member)[0] == "order.placed"
