"""QR codes: what never reached Alipay costs nothing, one method's failures close no other, an old code is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from falcon.testing import Result

from api import runtime
from checkout.alipay.client import Alipay, Refused
from checkout.db import Engine, sql, transaction
from checkout.payments import offers
from checkout.settings import parse
from tests.payments.shop import Shop
from tests.shared.client import LONGEST_SECONDS, Client, problem, serving
from tests.shared.factories import a_sku, an_attempt, attempts, placed
from tests.shared.ports import DISCARD
from tests.shared.processes import eventually


def ask(client: Client, order_id: int, method: str = "qr") -> Any:
    return client.post(f"/v1/orders/{order_id}/payments", json={"method": method})


@pytest.fixture
def away(environment: dict[str, str], in_process: Any) -> Iterator[Client]:
    """An API whose Alipay cannot be reached."""
    del in_process
    with serving(
        parse(environment | {"CHECKOUT_ALIPAY_GATEWAY_URL": f"http://127.0.0.1:{DISCARD}/gateway.do"})
    ) as client:
        yield client


def test_while_alipay_is_away_no_try_for_a_code_costs_an_attempt(away: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    for _ in range(offers.MOST_OF_A_METHOD + 5):
        assert problem(ask(away, order_id)) == (503, "unavailable")
    (attempt,) = attempts(engine, order_id)
    assert (attempt.method, attempt.offered_at, attempt.status) == (None, None, "open")
    assert ask(away, order_id, "page").status_code == 201


def test_one_methods_failures_close_no_other(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    made = {an_attempt(engine, order_id, "qr").n for _ in range(offers.MOST_OF_A_METHOD)}  # Whose codes never came.
    assert len(made) == offers.MOST_OF_A_METHOD
    assert problem(ask(client, order_id)) == (409, "not_payable")
    assert [ask(client, order_id, method).status_code for method in ("page", "wap", "app")] == [201] * 3


@pytest.mark.parametrize(("age", "is_given_again"), [(timedelta(minutes=90), True), (timedelta(hours=2), False)])
def test_a_code_of_two_hours_is_not_handed_out_again_and_stays_watched(
    shop: Shop, age: timedelta, is_given_again: bool
) -> None:
    order_id = shop.order()
    path = f"/v1/orders/{order_id}/payments"
    first = shop.call("POST", path, {"method": "qr"}).json()
    with transaction(shop.engine) as connection:
        older = sql("UPDATE payments SET offered_at = offered_at - CAST(:age AS interval)")
        connection.execute(older, {"age": age})
    again = shop.call("POST", path, {"method": "qr"}).json()
    assert (again["qr_code"] == first["qr_code"]) is is_given_again
    old = attempts(shop.engine, order_id)[0]
    assert (old.status, old.due_at is not None) == ("open", True)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Alipay does not answer until the test is over."""
    is_over = threading.Event()

    def hang(*_: object) -> Refused:
        is_over.wait(LONGEST_SECONDS)
        return Refused("SYSTEM_ERROR", "")

    monkeypatch.setattr(Alipay, "precreate", hang)
    yield
    is_over.set()


def asked_together(client: Client, order_ids: list[int]) -> list[Future[Result]]:
    return [
        client.begin(client.call("POST", f"/v1/orders/{order_id}/payments", json={"method": "qr"}))
        for order_id in order_ids
    ]


@pytest.mark.usefixtures("hanging")
def test_calls_to_alipay_have_a_deadline_and_keep_nobody_else_waiting(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "CALL_SECONDS", 1.0)
    a_sku(engine, stock=100)
    waiting = asked_together(client, [placed(engine) for _ in range(runtime.THREADS + 1)])
    assert client.get("/health/ready", user=None).status_code == 200
    assert client.post(f"/v1/orders/{placed(engine)}/cancel").status_code == 200
    assert {problem(call.result(LONGEST_SECONDS)) for call in waiting} == {(503, "unavailable")}


@pytest.mark.usefixtures("hanging")
def test_so_many_wait_for_alipay_and_the_next_one_hears_it_at_once(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "CALL_SECONDS", 2 * LONGEST_SECONDS)
    monkeypatch.setattr(runtime, "MOST_CALLS", 2)
    a_sku(engine)
    answers = asked_together(client, [placed(engine) for _ in range(3)])
    eventually(lambda: any(call.done() for call in answers), "one is turned away")
    assert [problem(call.result()) for call in answers if call.done()] == [(503, "unavailable")]
