"""What is signed and still no news of ours: returns, texts that were cut anew, other trades, other kinds."""

from __future__ import annotations

import pytest

from checkout.db import Engine, transaction
from checkout.orders.ledger import Payment
from checkout.payments import notifies
from tests.payments.inbox import assert_refused, notify
from tests.shared.client import Client
from tests.shared.factories import RULES, attempts, rows
from tests.shared.notifies import Signer, form


def a_return(signer: Signer, attempt: Payment) -> dict[str, str]:
    """What Alipay signs for the buyer's browser."""
    params = signer.params(attempt, method="alipay.trade.page.pay.return", timestamp="2026-11-26 12:00:00")
    for name in ("notify_id", "notify_type", "notify_time", "trade_status", "gmt_create", "subject"):
        del params[name]
    return signer.signed(params)


def test_a_buyers_own_return_is_no_notify_and_no_alarm(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    for _ in range(3):
        assert_refused(notify(client, form(a_return(signer, attempt))), engine)
    assert rows(engine, "alarms") == []


def test_the_same_misfit_again_and_again_is_one_alarm(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    for n in range(5):
        notify(client, signer.body(attempt, total_amount="0.01", notify_id=f"{n}"))
    [alarm] = rows(engine, "alarms")
    assert (alarm.kind, alarm.order_id, alarm.fen) == ("notify_amount_differs", attempt.order_id, 1)
    assert "0.01" in alarm.says
    assert "20.00" in alarm.says


@pytest.mark.parametrize(
    "cut",
    [
        ("fund_bill_list", "gmt_create"),
        ("trade_status", "version"),
        ("charset", "fund_bill_list"),
        ("seller_id", "subject"),
        ("gmt_create", "notify_id"),
    ],
)
def test_a_genuine_notify_that_was_cut_anew_is_refused(
    client: Client, engine: Engine, attempt: Payment, signer: Signer, cut: tuple[str, str]
) -> None:
    params = signer.signed(signer.params(attempt, fund_bill_list="[]"))
    kept, swallowed = cut
    names = sorted(set(params) - {"sign", "sign_type"})
    inside = names[names.index(kept) + 1 : names.index(swallowed) + 1]
    joined = "&".join([params[kept], *(f"{name}={params[name]}" for name in inside)])
    anew = {name: value for name, value in params.items() if name not in inside} | {kept: joined}
    assert_refused(notify(client, form(anew)), engine)
    assert rows(engine, "alarms") == []


@pytest.mark.parametrize("change", [{"trade_status": "PAID"}, {"gmt_create": ""}, {"notify_type": "other"}])
def test_a_signed_notify_that_is_none_of_a_trade_is_for_a_person(
    client: Client, engine: Engine, attempt: Payment, signer: Signer, change: dict[str, str]
) -> None:
    assert_refused(notify(client, signer.body(attempt, **change)), engine)
    assert [alarm.kind for alarm in rows(engine, "alarms")] == ["notify_for_another"]


def test_a_notify_of_another_trade_for_a_paid_attempt_is_for_a_person(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    for trade_no in ("2026FIRST", "2026SECOND"):
        assert notify(client, signer.body(attempt, trade_no=trade_no)).content == b"success"
        with transaction(engine) as connection:
            notifies.apply(connection, RULES)
    assert [(alarm.kind, "2026SECOND" in alarm.says) for alarm in rows(engine, "alarms")] == [("trade_differs", True)]
    assert attempts(engine, attempt.order_id)[0].trade_no == "2026FIRST"


def test_a_charset_that_nobody_knows_is_refused(
    client: Client, engine: Engine, attempt: Payment, signer: Signer
) -> None:
    assert_refused(notify(client, signer.body(attempt, charset="utf-7")), engine)
    assert notify(client, signer.body(attempt, charset="UTF8")).content == b"success"
