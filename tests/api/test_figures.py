"""The shop in figures, as the console shows them: what waits, and what needs a person."""

from __future__ import annotations

from typing import Any

import pytest

from api import figures
from checkout.alipay.gate import FAILURES_TO_OPEN, Gate
from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Engine, sql, transaction
from tests.shared.client import Client
from tests.shared.factories import a_sku, an_order, paid, placed, refunded


def read(client: Client) -> dict[str, Any]:
    answer = client.get("/v1/figures", user=99, is_operator=True)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json
    return told


def test_they_tell_what_waits_and_what_needs_a_person(client: Client, engine: Engine) -> None:
    a_sku(engine)
    refunded(engine, paid(engine), {"1": 1}), placed(engine), an_order(engine)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE arrivals SET since = now() - interval '30 seconds'"))
        alarms.raise_alarm(connection, Alarm("webhook_full", "1", "webhook 1 is full"))
    gate = Gate(client.runtime.resources.redis)
    for result, failed in (("done", False), ("no_answer", True)):
        gate.answered("alipay.trade.query", result, 0.1, failed=failed)
    told = read(client)
    assert told["accepted"] == {"waiting": 1}
    assert told["accepted_seconds"] >= 30
    assert (told["payments_open"], told["refunds_waiting"], told["stuck"]) == (1, {"requested": 1}, {"webhook_full": 1})
    assert told["relay_behind_events"] > 0
    assert (told["alipay_calls"], told["alipay_failing_calls"]) == (2, 1)
    assert (told["alipay_recent_calls"], told["alipay_recent_failing_calls"]) == (2, 1)


def test_they_tell_how_much_is_ordered_and_what_is_sold_out(client: Client, engine: Engine) -> None:
    a_sku(engine, "1"), a_sku(engine, "gone", stock=0), a_sku(engine, "hidden", stock=0, on_sale=False)
    old, *_ = (an_order(engine) for _ in range(3))
    with transaction(engine) as connection:
        statement = sql("UPDATE orders SET accepted_at = now() - interval '61 seconds' WHERE id = :id")
        connection.execute(statement, {"id": old})
    told = read(client)
    assert (told["orders_last_minute"], told["skus_sold_out"], told["alipay_breakers_open"]) == (2, 1, 0)


def test_the_breaker_is_among_them(client: Client) -> None:
    entrance = Gate(client.runtime.resources.redis)
    for _ in range(FAILURES_TO_OPEN):
        entrance.answered("alipay.trade.query", "no_answer", 0.1, failed=True)
    assert read(client)["alipay_breakers_open"] == 1


def test_many_who_look_ask_the_database_once(client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "KEPT_SECONDS", 3600)
    first = read(client)
    a_sku(engine), an_order(engine)
    calls = [client.call("GET", "/v1/figures", user=99, is_operator=True) for _ in range(20)]
    assert [answer.json for answer in client.together(calls)] == [first] * 20
    monkeypatch.setattr(figures, "KEPT_SECONDS", 0)
    client.runtime.figures = figures.Figures(client.runtime.resources)
    assert read(client)["accepted"] == {"waiting": 1}
