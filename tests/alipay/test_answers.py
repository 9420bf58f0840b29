"""A signed answer counts only as an answer to what was asked."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checkout.alipay import answers
from checkout.alipay.client import Alipay, Done, Refused, Result, Unknown, refunded_fen
from checkout.orders.ledger import Payment
from tests.alipay.hostile import Hostile
from tests.shared.processes import ROOT

ORDER, OTHER = "20261126000000000001N1R0123456789", "20261126000000000002N1R0123456789"
NUMBER = f"{ORDER}R1"
TRADE = "2026112622001"
ATTEMPT = Payment(1, 1, ORDER, 2000, method="qr")

Ask = Callable[[Alipay], Result]
ASKED: dict[str, tuple[Ask, dict[str, Any]]] = {
    "alipay.trade.query": (
        lambda alipay: alipay.query(ORDER),
        {"out_trade_no": ORDER, "trade_no": TRADE, "trade_status": "TRADE_SUCCESS", "total_amount": "20.00"},
    ),
    "alipay.trade.close": (lambda alipay: alipay.close(ORDER, TRADE), {"out_trade_no": ORDER, "trade_no": TRADE}),
    "alipay.trade.refund": (
        lambda alipay: alipay.refund(ORDER, NUMBER, 500, "", TRADE),
        {"out_trade_no": ORDER, "trade_no": TRADE, "refund_fee": "5.00", "fund_change": "Y"},
    ),
    "alipay.trade.fastpay.refund.query": (
        lambda alipay: alipay.refund_query(ORDER, NUMBER, TRADE),
        {"out_trade_no": ORDER, "trade_no": TRADE, "out_request_no": NUMBER, "refund_amount": "5.00"},
    ),
    "alipay.trade.precreate": (
        lambda alipay: alipay.precreate(ATTEMPT, _soon()),
        {"out_trade_no": ORDER, "qr_code": "https://qr.alipay.com/bax1"},
    ),
}
WRONG: dict[str, tuple[object, ...]] = {
    "out_trade_no": (OTHER, 1, None, [ORDER], ORDER + "\n", ""),
    "trade_no": (1, None, "", {}, "9" * 65),
    "out_request_no": (f"{ORDER}R2", 1, None, ""),
    "trade_status": ("PAID", "TRADE_SUCCESS ", "trade_success", 1, None, ["TRADE_SUCCESS"], "TRADE_SUCCESS|"),
    "total_amount": ("-1.00", "20.001", "2e1", 20, 20.0, None, "", " 20.00", "٢٠.00"),
    "refund_fee": ("-5.00", 5, None, "5,00"),
    "refund_amount": ("-5.00", 5, None, "five"),
    "fund_change": ("YES", True, None),
    "qr_code": ("", 1, None, "a\nb", "二维码"),
}


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=10)


def told(alipay: Alipay, hostile: Hostile, method: str, fields: dict[str, Any]) -> Result:
    hostile.says = hostile.genuine(method.replace(".", "_") + "_response", **fields).encode()
    return ASKED[method][0](alipay)


@pytest.mark.parametrize("method", ASKED)
def test_an_answer_that_fits_is_done(alipay: Alipay, hostile: Hostile, method: str) -> None:
    assert isinstance(told(alipay, hostile, method, ASKED[method][1]), Done)


@pytest.mark.parametrize("method", ASKED)
def test_a_member_that_is_missing_makes_it_unknown(alipay: Alipay, hostile: Hostile, method: str) -> None:
    for name in answers.METHODS[method].required:
        fields = {key: value for key, value in ASKED[method][1].items() if key != name}
        answer = told(alipay, hostile, method, fields)
        assert isinstance(answer, Unknown), name
        assert answer.is_foreign


@pytest.mark.parametrize("method", ASKED)
def test_a_member_that_is_wrong_makes_it_unknown(alipay: Alipay, hostile: Hostile, method: str) -> None:
    fields = ASKED[method][1]
    for name in fields.keys() & WRONG.keys():
        for value in WRONG[name]:
            answer = told(alipay, hostile, method, fields | {name: value})
            assert isinstance(answer, Unknown), (name, value)
            assert answer.is_foreign


@pytest.mark.parametrize("method", ["alipay.trade.close", "alipay.trade.refund", "alipay.trade.fastpay.refund.query"])
def test_another_trade_than_the_known_one_is_no_answer(alipay: Alipay, hostile: Hostile, method: str) -> None:
    answer = told(alipay, hostile, method, ASKED[method][1] | {"trade_no": "2026112622002"})
    assert isinstance(answer, Unknown)
    assert answer.is_foreign


@pytest.mark.parametrize("method", ASKED)
def test_a_refusal_that_speaks_of_another_trade_is_no_answer(alipay: Alipay, hostile: Hostile, method: str) -> None:
    no = {"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST", "sub_msg": "交易不存在"}
    assert isinstance(told(alipay, hostile, method, no), Refused)
    assert isinstance(told(alipay, hostile, method, no | {"out_trade_no": ORDER, "total_amount": "0.00"}), Refused)
    assert isinstance(told(alipay, hostile, method, no | {"out_trade_no": OTHER}), Unknown)


@pytest.mark.parametrize(
    ("fields", "fen"),
    [
        ({"out_request_no": NUMBER, "refund_amount": "5.00", "refund_status": "REFUND_SUCCESS"}, 500),
        ({"out_request_no": NUMBER, "refund_amount": "5.00"}, 500),
        ({"out_request_no": NUMBER, "refund_amount": "5.00", "refund_status": "REFUND_PROCESSING"}, None),
        ({"out_request_no": NUMBER, "refund_amount": "0.00"}, None),
        ({"out_request_no": NUMBER, "refund_status": "REFUND_SUCCESS"}, None),
        ({"refund_amount": "5.00", "refund_status": "REFUND_SUCCESS"}, None),
        ({}, None),
    ],
)
def test_money_went_back_only_with_its_number_and_amount(
    alipay: Alipay, hostile: Hostile, fields: dict[str, str], fen: int | None
) -> None:
    answer = told(alipay, hostile, "alipay.trade.fastpay.refund.query", fields)
    assert refunded_fen(answer, NUMBER) == fen


def test_what_an_answer_says_reaches_logs_and_tables_in_printable_characters(alipay: Alipay, hostile: Hostile) -> None:
    answer = told(
        alipay, hostile, "alipay.trade.query", {"code": "40004", "sub_code": "A", "sub_msg": "x\ud800\x1b[2J"}
    )
    assert answer == Refused("A", "x\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[2J")


def test_the_documents_table_is_the_one_that_is_used() -> None:
    document = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(alipay\.[\w.]+)` \| ([^|]*) \| ([^|]*) \|$", document, re.MULTILINE)
    table = {method: (required, optional) for method, required, optional in rows}
    names = {
        method: tuple(", ".join(f"`{name}`" for name in part) or "—" for part in members)
        for method, members in answers.METHODS.items()
    }
    assert table == names
