"""Bills are read by their columns' names, whatever else is in them."""

from __future__ import annotations

import re

import pytest

from checkout.reconciliation import rows
from checkout.reconciliation.archive import Unreadable
from checkout.reconciliation.rows import Line
from tests.reconciliation.papers import COLUMNS, packed, row, trades


@pytest.mark.parametrize("list_first", [False, True])
def test_the_list_is_found_in_either_place(list_first: bool) -> None:
    archive = packed(trades([row("A1", "10.00")]), list_first=list_first)
    assert list(rows.lines(archive)) == [Line("A1", "", 1000)]


def test_a_refund_is_negative_with_or_without_a_sign() -> None:
    listed = [row("A1", "-4.00", kind="退款", request="R1"), row("A1", "4.00", kind="退款", request="R2")]
    assert list(rows.lines(packed(trades(listed)))) == [Line("A1", "R1", -400), Line("A1", "R2", -400)]


def test_a_refund_without_a_number_bears_its_trades() -> None:
    assert list(rows.lines(packed(trades([row("A1", "-4.00", kind="退款")])))) == [Line("A1", "A1", -400)]


def test_a_trade_without_our_number_bears_alipays() -> None:
    assert list(rows.lines(packed(trades([row("", "4.00")])))) == [Line("2026112222001", "", 400)]


def test_columns_may_move_and_come_anew() -> None:
    columns = "新列," + COLUMNS.replace("订单金额（元）", "订单金额(元)")
    assert list(rows.lines(packed(trades(["x\t," + row("A1", "10.00")], columns)))) == [Line("A1", "", 1000)]


@pytest.mark.parametrize("name", ["袜子,红,大", '"好"袜子', '"', "#1 袜子", "㐀𠮷"])
def test_a_name_may_hold_what_it_wants(name: str) -> None:
    listed = [row("A1", "10.00", name=name), row("A2", "20.00")]
    assert list(rows.lines(packed(trades(listed)))) == [Line("A1", "", 1000), Line("A2", "", 2000)]


def test_other_business_and_empty_amounts_move_no_money_of_ours() -> None:
    listed = [row("A1", "10.00", kind="分账"), row("A2", "0.00"), row("A3", "1.00")]
    assert list(rows.lines(packed(trades(listed)))) == [Line("A3", "", 100)]


def test_a_template_without_lines_is_an_empty_bill() -> None:
    assert list(rows.lines(packed(trades([])))) == []


@pytest.mark.parametrize(
    "text",
    [
        trades(["A1\t,10.00"]),
        trades([row("A1", "10.00")], COLUMNS.replace("业务类型", "类型")),
        "#支付宝业务明细查询\r\n",
        "#支付宝账务明细查询\r\n账务流水号\r\n1\r\n",
    ],
)
def test_what_is_no_such_list_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        list(rows.lines(packed(text)))


@pytest.mark.parametrize(
    "listed",
    [
        [row("A1", "-8.00", kind="退款", request="R1", received="-7.50", remark="挂号,上午 8:00")],
        [row("A1", "-8.00", kind="退款", request="R1", received="-7.50", name="袜子,-7.50,红", voucher="满100,减10券")],
        [row("A1", "-8.00", kind="退款", request="R1", received="-7.50", remark="上门\r\n自提\r\n\r\n#5 门")],
        [row("A1", "-8.00", kind="退款", request="R1", received="-7.50", name="一双\n袜子,大", shop="一店,二楼")],
    ],
)
def test_texts_hold_commas_and_line_feeds(listed: list[str]) -> None:
    between = [row("A0", "1.00"), *listed, row("A2", "20.00")]
    expected = [Line("A0", "", 100), Line("A1", "R1", -800), Line("A2", "", 2000)]
    assert list(rows.lines(packed(trades(between)))) == expected


@pytest.mark.parametrize(
    "unclear",
    [
        row("A1", "1,000.00"),
        row("A1", "ten"),
        row("A1", "10.00", name="," * (rows.MOST_COMMAS + 1)),
        # The 9.00 may be the end of the buyer's name, or the amount, and the last 0.00 the start of a voucher's.
        row("A1", "10.00", buyer="甲,9.00"),
    ],
)
def test_a_row_that_can_mean_several_things_says_only_whose_it_is(unclear: str) -> None:
    listed = [row("A0", "1.00"), unclear, row("A2", "20.00")]
    expected = [Line("A0", "", 100), Line("A1", "", None), Line("A2", "", 2000)]
    assert list(rows.lines(packed(trades(listed)))) == expected


def test_a_row_that_the_one_before_has_swallowed_is_noticed_without_totals() -> None:
    """Its number is none, so it looks like the second line of a remark."""
    text = trades([row("A1", "1.00"), "?" + row("A2", "2.00")])
    without_totals = re.sub("#(交易|退款)合计[^\r]*\r\n", "", text)
    assert list(rows.lines(packed(without_totals))) == [Line("A1", "", None)]


def test_a_text_that_looks_like_a_row_is_in_doubt_and_no_more_than_that() -> None:
    """The list's own total tells that there is one row less."""
    faked = row("A1", "1.00", remark="上门\r\n20261122,X1,交易,假")
    text = trades([faked, row("A2", "2.00")])
    assert list(rows.lines(packed(text))) == [Line("A1", "", 100), Line("X1", "", None), Line("A2", "", 200)]


def test_rows_in_doubt_without_end_are_no_bill() -> None:
    with pytest.raises(Unreadable, match="too many lines"):
        list(rows.lines(packed(trades([row(f"A{n}", "ten") for n in range(rows.MOST_DOUBTS + 1)]))))


def test_all_numbered_lists_are_read() -> None:
    lists = [trades([row("A1", "1.00"), row("A2", "2.00")]), trades([row("A3", "3.00")])]
    assert [line.out_trade_no for line in rows.lines(packed(*lists))] == ["A1", "A2", "A3"]
    whole = [re.sub("#交易合计：[12]笔", "#交易合计：3笔", one) for one in lists]
    assert [line.out_trade_no for line in rows.lines(packed(*whole))] == ["A1", "A2", "A3"]


@pytest.mark.parametrize(
    "lists",
    [
        [trades([row("A1", "1.00")]).replace("合计：1笔", "合计：2笔")],
        [trades([row("A1", "-1.00", kind="退款", request="R1")]).replace("合计：1笔", "合计：2笔")],
        [trades([row("A1", "1.00"), "x" + row("A2", "2.00").replace(",", "，")])],  # Swallowed by the row before.
        [trades([row("A1", "1.00")]), trades([row("A2", "1.00")]).replace("交易合计：1笔", "交易合计：4笔")],
    ],
)
def test_a_lists_own_totals_must_agree(lists: list[str]) -> None:
    text = [one.replace("#交易合计：1笔", "#交易合计：2笔") if "，A2" in one else one for one in lists]
    with pytest.raises(Unreadable, match="own totals"):
        rows.check(packed(*text))
