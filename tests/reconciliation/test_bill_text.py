"""Bills are read by their columns' names, whatever else is in them."""

from __future__ import annotations

import io

import pytest

from checkout.alipay import bill
from checkout.alipay.bill import Line, Unreadable
from tests.reconciliation.papers import COLUMNS, packed, row, trades


@pytest.mark.parametrize("list_first", [False, True])
def test_the_list_is_found_in_either_place(list_first: bool) -> None:
    archive = packed(trades([row("A1", "10.00")]), list_first=list_first)
    assert list(bill.lines(archive)) == [Line("A1", "", 1000)]


def test_a_refund_is_negative_with_or_without_a_sign() -> None:
    rows = [row("A1", "-4.00", kind="退款", request="R1"), row("A1", "4.00", kind="退款", request="R2")]
    assert list(bill.lines(packed(trades(rows)))) == [Line("A1", "R1", -400), Line("A1", "R2", -400)]


def test_a_refund_without_a_number_bears_its_trades() -> None:
    assert list(bill.lines(packed(trades([row("A1", "-4.00", kind="退款")])))) == [Line("A1", "A1", -400)]


def test_a_trade_without_our_number_bears_alipays() -> None:
    assert list(bill.lines(packed(trades([row("", "4.00")])))) == [Line("2026112222001", "", 400)]


def test_columns_may_move_and_come_anew() -> None:
    columns = "新列," + COLUMNS.replace("订单金额（元）", "订单金额(元)")
    assert list(bill.lines(packed(trades(["x\t," + row("A1", "10.00")], columns)))) == [Line("A1", "", 1000)]


@pytest.mark.parametrize("name", ["袜子,红,大", '"好"袜子', '"', "#1 袜子", "㐀𠮷"])
def test_a_name_may_hold_what_it_wants(name: str) -> None:
    rows = [row("A1", "10.00", name=name), row("A2", "20.00")]
    assert list(bill.lines(packed(trades(rows)))) == [Line("A1", "", 1000), Line("A2", "", 2000)]


def test_other_business_and_empty_amounts_move_no_money_of_ours() -> None:
    rows = [row("A1", "10.00", kind="分账"), row("A2", "0.00"), row("A3", "1.00")]
    assert list(bill.lines(packed(trades(rows)))) == [Line("A3", "", 100)]


def test_a_template_without_lines_is_an_empty_bill() -> None:
    assert list(bill.lines(packed(trades([])))) == []


@pytest.mark.parametrize(
    "text",
    [
        trades([row("A1", "1,000.00")]),
        trades([row("A1", "ten")]),
        trades(["A1\t,10.00"]),
        trades([row("A1", "10.00")], COLUMNS.replace("业务类型", "类型")),
        "#支付宝业务明细查询\r\n",
        "#支付宝账务明细查询\r\n账务流水号\r\n1\r\n",
    ],
)
def test_what_is_no_such_list_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        list(bill.lines(packed(text)))


def test_what_is_no_zip_is_refused() -> None:
    with pytest.raises(Unreadable):
        bill.check(io.BytesIO(b"<html>\xe8\xaf\xb7\xe7\xa8\x8d\xe5\x90\x8e</html>"))


def test_a_broken_zip_is_refused() -> None:
    content = bytearray(packed(trades([row(f"A{n}", "1.00") for n in range(200)])).read())
    middle = len(content) // 2
    content[middle : middle + 40] = b"\0" * 40
    with pytest.raises(Unreadable):
        list(bill.lines(io.BytesIO(content)))
