"""`checkout reconcile`, and the task that does the same each day."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from checkout.db import sql, transaction
from checkout.reconciliation import comparison
from checkout.reconciliation.archive import Unreadable
from checkout.reconciliation.comparison import due
from checkout.resources import Resources
from ops.main import main
from tests.reconciliation.shop import Shop, at
from tests.shared import factories


@pytest.fixture
def command(environment: dict[str, str], in_process: Callable[..., None], tmp_path: Any) -> Callable[..., Result]:
    """The command line of that shop."""
    del in_process

    def run(*arguments: str) -> Result:
        arguments = ("reconcile", "--data-dir", str(tmp_path), *arguments)
        return CliRunner(env=environment).invoke(main, list(arguments), catch_exceptions=False)

    return run


def test_a_clean_day_is_good(shop: Shop, command: Callable[..., Result]) -> None:
    payment = shop.paid()
    shop.refund(payment, 500)
    shop.close(shop.today)
    result = command(shop.today.isoformat())
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, f"{shop.today} agrees")
    printed = json.loads(command(shop.today.isoformat(), "--json").stdout)
    side = {"payments": 1, "payments_amount": "20.00", "refunds": 1, "refunds_amount": "5.00"}
    assert printed == {"date": shop.today.isoformat(), "clean": True, "ours": side, "theirs": side, "discrepancies": []}


def test_a_day_that_differs_is_bad_and_says_what_to_do(shop: Shop, command: Callable[..., Result]) -> None:
    foreign = shop.paid_by_a_stranger()
    shop.gateway.admin("POST", "refund", {"out_trade_no": foreign, "amount": "2.00", "out_request_no": "away"})
    shop.close(shop.today)
    result = command(shop.today.isoformat())
    assert result.exit_code == 1
    assert foreign in result.stdout
    assert "find out who sold it" in result.stdout
    paid, refunded = json.loads(command(shop.today.isoformat(), "--json").stdout)["discrepancies"]
    assert (paid["kind"], paid["ours"], paid["theirs"], paid["held"]) == ("theirs_only", None, "42.00", False)
    assert (refunded["request_no"], refunded["theirs"]) == ("away", "2.00")


def test_a_bill_that_is_not_ready_is_bad(shop: Shop, command: Callable[..., Result]) -> None:
    result = command(shop.today.isoformat())
    assert (result.exit_code, "09:00" in result.stderr) == (1, True)


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "9999-12-31"])
def test_what_is_no_day_of_a_bill_is_misuse(command: Callable[..., Result], day: str) -> None:
    assert command(day).exit_code == 2


def run_task() -> None:
    from tasks.reconcile import reconcile  # Celery reads the environment when it is loaded.

    reconcile()


def sold_since(shop: Shop, days: int) -> date:
    """The shop has had its first payment so many days ago."""
    first = shop.today - timedelta(days=days)
    payment = shop.offered()
    with transaction(shop.engine) as connection:
        update = sql("UPDATE payments SET created_at = :at WHERE order_id = :id")
        connection.execute(update, {"at": at(first, 12), "id": payment.order_id})
    return first


def due_days(shop: Shop) -> list[date]:
    with transaction(shop.engine) as connection:
        return due(connection)


def test_a_shop_without_payments_owes_nothing(shop: Shop) -> None:
    assert due_days(shop) == []


def test_the_task_reconciles_each_day_that_is_due_once(shop: Shop, in_process: Callable[..., None]) -> None:
    del in_process
    first = sold_since(shop, 3)
    days = due_days(shop)
    assert (days[0], len(days) in (2, 3)) == (first, True)  # Yesterday's is due from 09:30.
    shop.gateway.skew(12 * 3600)
    run_task()
    fetched = [bill.day for bill in factories.rows(shop.engine, "bills")]
    assert fetched[: len(days)] == days  # 09:30 may just have come.
    assert not set(due_days(shop)) & set(fetched)


def test_only_the_last_week_is_made_up_for(shop: Shop) -> None:
    sold_since(shop, 30)
    assert len(due_days(shop)) == 7


def test_an_empty_bill_of_a_day_with_business_is_asked_for_again(shop: Shop) -> None:
    day = sold_since(shop, 3)
    shop.apply(shop.offered())
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE payments SET paid_at = :at WHERE paid_at IS NOT NULL"), {"at": at(day, 12)})
    assert not shop.reconcile(day).is_clean
    assert day in due_days(shop)


def test_a_late_bill_keeps_no_other_day_from_its_turn(shop: Shop, in_process: Callable[..., None]) -> None:
    del in_process
    first = sold_since(shop, 3)
    shop.gateway.fault("call_limited", times=1)
    run_task()
    assert due_days(shop) == [first]


@pytest.mark.parametrize(
    ("error", "told"),
    [(Unreadable("line 7"), ("bill_unreadable", "alarms")), (ZeroDivisionError(), ("reconcile", "heartbeats"))],
)
def test_a_day_that_fails_is_told_and_keeps_no_other_from_its_turn(
    shop: Shop,
    in_process: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    told: tuple[str, str],
) -> None:
    del in_process
    first = sold_since(shop, 3)
    run = comparison.run

    def stumble(resources: Resources, day: date) -> comparison.Report:
        if day == first:
            raise error
        return run(resources, day)

    monkeypatch.setattr(comparison, "run", stumble)
    run_task()
    assert due_days(shop) == [first]
    name, table = told
    assert name in [row[0] for row in factories.rows(shop.engine, table)]
