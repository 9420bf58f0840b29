"""Every answer to a refund, for every kind of refund: the third table of docs/payments.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from checkout.orders.ledger import Payment
from tests.payments import scenes
from tests.payments.shop import Shop, fen
from tests.payments.table import REFUND, parse
from tests.shared.factories import order, row, rows
from tests.shared.processes import eventually

CELLS = parse(REFUND)
FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "pending": ("refund_pending", {"seconds": 0.05}),
    "unknown_done": ("timeout_executed", {"how": "close"}),
    "unknown_not_done": ("timeout_not_executed", {"how": "close"}),
    "limited": ("call_limited", {}),
    "low_balance": ("seller_balance_not_enough", {}),
}
UNSETTLED = {"limited": "requested", "low_balance": "requested"}


def _requested(shop: Shop, kind: str) -> Payment:
    """A refund that waits to be sent: of 5.00, of everything, or of money that must not be kept."""
    if kind == "must":
        payment = scenes.scene(shop, "cancelled").attempt
        shop.pay(payment)
        shop.hear(payment, "TRADE_SUCCESS")
    else:
        payment = shop.paid()
        shop.refund(payment, 500 if kind == "operator_part" else 2000)
    return payment


def _refund(shop: Shop) -> Any:
    return next(refund for refund in rows(shop.engine, "refunds") if refund.source != "external")


def _play(shop: Shop, payment: Payment, answer: str) -> None:
    number = _refund(shop).out_request_no
    there: dict[str, Callable[[], object]] = {
        "all_gone": lambda: shop.refund_in_console(payment),
        "part_gone": lambda: shop.refund_in_console(payment, "18.00"),
        "finished": lambda: shop.finish(payment),
        "discordant": lambda: shop.refund_in_console(payment, "1.00", out_request_no=number),
    }
    there.get(answer, lambda: None)()
    if answer in FAULTS:
        fault, how = FAULTS[answer]
        shop.gateway.fault(fault, method="alipay.trade.refund", times=1, **how)
    assert shop.send_refunds(shop.deaf() if answer == "forged" else None) == 1
    if answer in FAULTS or answer == "forged":
        assert _refund(shop).status == UNSETTLED.get(answer, "unknown")
        if answer == "pending":
            eventually(lambda: shop.gateway.trade(payment.out_trade_no)["refunded_amount"] != "0.00", "it arrives", 30)
        assert shop.send_refunds() == 1


@pytest.mark.parametrize(("kind", "answer"), list(CELLS))
def test_cell(shop: Shop, kind: str, answer: str) -> None:
    outcome = CELLS[kind, answer]
    if outcome == "never":
        _unpaid_is_never_refunded(shop, kind)
        return
    payment = _requested(shop, kind)
    _play(shop, payment, answer)
    _OUTCOMES[outcome](shop, payment, kind)
    shop.assert_sound()


def _succeeds(shop: Shop, payment: Payment, kind: str) -> None:
    """The money went back once, under the number that the refund had from the start."""
    refund, [made] = _refund(shop), shop.gateway.trade(payment.out_trade_no)["refunds"]
    assert refund.status == "succeeded"
    assert (made["out_request_no"], fen(made["amount"])) == (refund.out_request_no, refund.amount_fen)
    assert shop.send_refunds() == 0
    assert order(shop.engine, payment.order_id).status == ("awaiting_shipment" if kind == "operator_part" else "closed")
    shop.assert_even(payment)


def _external(shop: Shop, payment: Payment, kind: str) -> None:
    """Ours fails, because all of it went back by Alipay's console: that is noted as external."""
    del kind
    booked = [(refund.source, refund.status) for refund in rows(shop.engine, "refunds")]
    assert (booked[0][1], booked[1]) == ("failed", ("external", "succeeded"))
    assert (shop.row(payment).status, order(shop.engine, payment.order_id).status) == ("refunded", "closed")
    shop.assert_even(payment)
    shop.hear(payment, "REFUND")
    assert len(rows(shop.engine, "refunds")) == 2


def _fails(shop: Shop, payment: Payment, kind: str) -> None:
    """It is given up and listed; what it had set aside is free again."""
    del kind
    refund = _refund(shop)
    assert (refund.status, shop.row(payment).refunding_fen) == ("failed", 0)
    assert f"refund_failed {refund.id}" in shop.stuck()
    assert shop.send_refunds() == 0
    if fen(shop.gateway.trade(payment.out_trade_no)["refunded_amount"]):
        shop.hear(payment, "REFUND")
    shop.assert_even(payment)


def _person(shop: Shop, payment: Payment, kind: str) -> None:
    """It stays set aside under its number, is tried again each hour, and a person finds it in `checkout stuck`."""
    del kind
    refund = _refund(shop)
    assert refund.finished_at is None
    assert shop.row(payment).refunding_fen == refund.amount_fen
    assert f"refund_refused {refund.out_request_no}" in shop.stuck()
    before = shop.gateway.trade(payment.out_trade_no)["refunds"]
    assert shop.send_refunds() == 1
    assert shop.gateway.trade(payment.out_trade_no)["refunds"] == before
    assert _refund(shop).finished_at is None


def _unpaid_is_never_refunded(shop: Shop, kind: str) -> None:
    """A refund begins with money that Alipay told us of, so it is never refused for being unpaid."""
    payment = shop.offered()
    shop.log_in(payment)
    answer = shop.call("POST", f"/v1/orders/{payment.order_id}/refunds", {"amount": "5.00", "reason": kind}, user=0)
    assert (answer.status, answer.json()["code"]) == (409, "not_refundable")
    assert rows(shop.engine, "refunds") == []
    assert row(shop.engine, "payments", order_id=payment.order_id).refunding_fen == 0


_OUTCOMES = {"succeeds": _succeeds, "external": _external, "fails": _fails, "person": _person}
