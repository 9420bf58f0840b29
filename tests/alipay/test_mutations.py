"""Thousands of changed notifies, returns and answers: whatever is believed is what Alipay signed, and all of it.

CHECKOUT_MUTATIONS says how many of each (100000 take some minutes), CHECKOUT_MUTATIONS_SEED which.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from checkout.alipay import envelope, notify
from checkout.alipay.client import Alipay
from checkout.alipay.notify import Foreign, Unverified
from checkout.orders.ledger import Payment
from sandbox.alipay.keys import Keys
from tests.alipay import mutations
from tests.alipay.hostile import QUERY, Hostile, inner
from tests.shared.notifies import Signer, form

COUNT = int(os.environ.get("CHECKOUT_MUTATIONS", "4000"))
SEED = int(os.environ.get("CHECKOUT_MUTATIONS_SEED", "20261126"))
ATTEMPT = Payment(1, 1, "20261126000000000001N1R0123456789", 2000)
RETURN = {
    "method": "alipay.trade.page.pay.return",
    "timestamp": "2026-11-26 12:00:00",
    "auth_app_id": "2021000000000001",
}
pytestmark = pytest.mark.timeout(3600)


@pytest.fixture
def signer(alipay_sides: Keys) -> Signer:
    return Signer(alipay_sides)


def notifies(signer: Signer) -> list[dict[str, str]]:
    """Genuine ones, of every kind."""
    bill = '[{"amount":"20.00","fundChannel":"ALIPAYACCOUNT"}]'
    return [
        signer.signed(signer.params(ATTEMPT, status, **more))
        for status, more in (
            ("TRADE_SUCCESS", {"fund_bill_list": bill, "gmt_payment": "2026-11-26 12:00:00", "buyer_open_id": "x"}),
            ("TRADE_SUCCESS", {"refund_fee": "5.00", "out_biz_no": f"{ATTEMPT.out_trade_no}R1"}),
            ("TRADE_CLOSED", {"refund_fee": "0.00", "charset": "UTF8"}),
            ("WAIT_BUYER_PAY", {"passback_params": "a%3D1%26b%3D2"}),
        )
    ]


def returns(signer: Signer) -> dict[str, str]:
    params = signer.params(ATTEMPT)
    for name in ("notify_id", "notify_type", "notify_time", "trade_status", "gmt_create", "subject"):
        del params[name]
    return signer.signed(params | RETURN)


def test_no_changed_notify_is_believed_otherwise_than_it_was_signed(alipay: Alipay, signer: Signer) -> None:
    rng = random.Random(SEED)
    genuine = notifies(signer)
    believed = 0
    for _ in range(COUNT):
        params = rng.choice(genuine)
        pairs = list(params.items())
        if rng.random() < 0.9:
            pairs = rng.choice(mutations.CUTS)(rng, pairs)
        body = mutations.form(rng, pairs)
        try:
            told = notify.verify(alipay, notify.parameters(body))
        except (Unverified, Foreign):
            continue
        believed += 1
        assert told.params == params, body
    assert believed > COUNT // 50  # Those that only changed their escapes or their order: else this proves nothing.


def test_no_changed_return_is_taken_for_a_notify(alipay: Alipay, signer: Signer) -> None:
    rng = random.Random(SEED)
    params = returns(signer)
    assert notify.signed_by_alipay(alipay, notify.parameters(form(params)))
    for _ in range(COUNT):
        pairs = rng.choice(mutations.CUTS)(rng, list(params.items()))
        body = mutations.form(rng, pairs)
        with pytest.raises((Unverified, Foreign)):
            notify.verify(alipay, notify.parameters(body))


def test_no_changed_answer_is_read_otherwise_than_it_was_signed(alipay: Alipay, hostile: Hostile) -> None:
    rng = random.Random(SEED)
    said: dict[str, Any] = {"out_trade_no": ATTEMPT.out_trade_no, "trade_no": "1", "total_amount": "20.00"}
    true = inner(**said, trade_status="WAIT_BUYER_PAY", msg_of='"{}"')
    false = inner(**said, trade_status="TRADE_SUCCESS")
    sign = hostile.sign(true)
    read = 0
    for _ in range(COUNT):
        raw = mutations.answer(rng, QUERY, true, false, sign)
        try:
            answer = envelope.opened(raw, QUERY)
        except ValueError:
            continue
        if answer.signature is None or not alipay.trust.verifies(answer.content.encode(), answer.signature):
            continue
        read += 1
        assert answer.content == true, raw
        assert answer.fields["trade_status"] == "WAIT_BUYER_PAY", raw
    assert read > COUNT // 50


def test_the_genuine_notifies_are_believed(alipay: Alipay, signer: Signer) -> None:
    for params in notifies(signer):
        assert notify.verify(alipay, notify.parameters(form(params))).params == params
