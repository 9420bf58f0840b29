"""The books as they are exported: order by order, harmless to spreadsheets, and with the sums of Alipay's bills."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from checkout import money
from checkout.books import sheets
from checkout.db import sql, transaction
from tests.reconciliation.shop import Shop, at
from tests.shared import factories
from tests.shared.command import Command, refused

_CELL = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def exported(checkout: Command, kind: str, first: date, last: date | None = None, *more: object) -> Any:
    result = checkout("orders", "export", "--from", first, "--to", last or first, "--format", kind, *more)
    assert result.exit_code == 0, result.stderr
    return result


def records(checkout: Command, first: date, last: date | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported(checkout, "jsonl", first, last).stdout.splitlines()]


def sums(found: list[dict[str, Any]], day: str = "all") -> dict[str, tuple[int, str]]:
    return {
        one["what"]: (one["count"], one["amount"]) for one in found if one["record"] == "total" and one["day"] == day
    }


def of(found: list[dict[str, Any]], record: str) -> list[dict[str, Any]]:
    return [one for one in found if one["record"] == record]


def test_lines_payments_and_refunds_are_there_and_the_sums_are_the_bills(shop: Shop, checkout: Command) -> None:
    first, second = shop.paid(), shop.paid()
    factories.placed(shop.engine, pay_method="cash")
    number = shop.refund(first, 500)
    shop.refund_in_console(second, "1.00")
    assert shop.reconcile().is_clean
    result = exported(checkout, "jsonl", shop.today)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert "the bills agree" in result.stderr
    assert sums(found)["payments"] == sums(found)["bill payments"] == (2, money.yuan(2 * first.amount_fen))
    assert sums(found)["refunds"] == sums(found)["bill refunds"] == (2, "6.00")
    assert sums(found)["orders"] == (3, "60.00")
    assert sums(found)["lines"] == (3, "30.00")
    assert sums(found, shop.today.isoformat()) == sums(found)
    [line] = [one for one in of(found, "line") if one["order_id"] == str(first.order_id)]
    assert (line["sku_id"], line["quantity"], line["unit_price"], line["amount"]) == ("1", 1, "10.00", "10.00")
    [payment] = [one for one in of(found, "payment") if one["order_id"] == str(first.order_id)]
    trade_no = factories.row(shop.engine, "payments", order_id=first.order_id).trade_no
    assert (payment["out_trade_no"], payment["trade_no"], payment["kept"]) == (first.out_trade_no, trade_no, True)
    assert {(one["request_no"], one["source"], one["amount"]) for one in of(found, "refund")} >= {
        (number, "operator", "5.00")
    }
    assert {one["source"] for one in of(found, "refund")} == {"operator", "external"}


def test_nobody_is_named(shop: Shop, checkout: Command) -> None:
    shop.paid()
    text = exported(checkout, "csv", shop.today).stdout
    address = factories.ADDRESS
    assert not any(one in text for one in (address.recipient, address.phone, address.detail))


def test_money_belongs_to_the_day_on_whose_bill_it_is(shop: Shop, checkout: Command) -> None:
    """By our clock it came before midnight; Alipay has it on the bill of the day behind."""
    payment = shop.paid()
    shop.notes(payment, "paid_at", at(shop.yesterday, 23, 59, 59))
    assert sums(records(checkout, shop.yesterday))["payments"] == (1, "20.00")
    shop.reconcile()
    assert sums(records(checkout, shop.yesterday))["payments"] == (0, "0.00")
    assert sums(records(checkout, shop.today))["payments"] == (1, "20.00")


def test_money_that_we_heard_of_weeks_later_is_on_its_day(shop: Shop, checkout: Command) -> None:
    payment = shop.paid()
    shop.refund(payment, 300)
    assert shop.reconcile().is_clean
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE payments SET paid_at = paid_at + interval '30 days'"))
        connection.execute(sql("UPDATE refunds SET finished_at = finished_at + interval '30 days'"))
    found = sums(records(checkout, shop.today))
    assert (found["payments"], found["refunds"]) == ((1, "20.00"), (1, "3.00"))
    assert (found["bill payments"], found["bill refunds"]) == ((1, "20.00"), (1, "3.00"))


def test_two_refunds_of_one_amount_in_alipay_s_console_are_on_two_days(shop: Shop, checkout: Command) -> None:
    payment = shop.paid()
    assert shop.reconcile(shop.yesterday).is_clean
    for _ in range(2):
        shop.refund_in_console(payment, "1.00")
        assert shop.reconcile(fetch_again=True).is_clean
    assert [one.source for one in factories.rows(shop.engine, "refunds")] == ["external"] * 2
    with transaction(shop.engine) as connection:
        moved = "UPDATE bill_lines SET day = :day WHERE line = (SELECT min(line) FROM bill_lines WHERE fen < 0)"
        connection.execute(sql(moved), {"day": shop.yesterday})
    for day in (shop.yesterday, shop.today):
        assert sums(records(checkout, day))["refunds"] == (1, "1.00")
        assert sums(records(checkout, day))["bill refunds"] == (1, "1.00")


def test_lines_belong_to_the_day_of_the_order_and_a_later_refund_stands_alone(shop: Shop, checkout: Command) -> None:
    payment = shop.paid()
    with transaction(shop.engine) as connection:
        moved = sql(
            "UPDATE orders SET placed_at = placed_at - interval '3 days', accepted_at = accepted_at - interval '3 days'"
        )
        connection.execute(moved)
    shop.refund(payment, 300)
    today, then = records(checkout, shop.today), records(checkout, shop.today - timedelta(days=3))
    assert [one["record"] for one in today[:2]] == ["payment", "refund"]
    assert [one["record"] for one in then[:2]] == ["order", "line"]
    whole = sums(records(checkout, shop.today - timedelta(days=3), shop.today))
    assert (whole["orders"], whole["payments"], whole["refunds"]) == ((1, "20.00"), (1, "20.00"), (1, "3.00"))


def test_what_looks_like_a_formula_is_harmless(shop: Shop, checkout: Command) -> None:
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE skus SET title = '=HYPERLINK(\"http://x\")'"))
    factories.placed(shop.engine, reference="@SUM(A1)")
    rows = list(csv.DictReader(StringIO(exported(checkout, "csv", shop.today).stdout.removeprefix("\ufeff"))))
    [line] = [row for row in rows if row["record"] == "line"]
    assert (line["title"], line["reference"]) == ('\'=HYPERLINK("http://x")', "'@SUM(A1)")
    assert of(records(checkout, shop.today), "line")[0]["title"].startswith("=")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x"])
def test_each_beginning_of_a_formula_is_known(text: str) -> None:
    assert sheets.harmless(text) == f"'{text}"
    assert sheets.harmless(f"a{text}") == f"a{text}"


def cells(book: zipfile.ZipFile, sheet: int) -> Iterator[list[tuple[str, str]]]:
    """Each row's cells with their types."""
    root = ET.fromstring(book.read(f"xl/worksheets/sheet{sheet}.xml"))
    for row in root.iter(f"{_CELL}row"):
        yield [(cell.get("t", "n"), "".join(cell.itertext())) for cell in row.iter(f"{_CELL}c")]


def test_a_workbook_has_a_sheet_for_each_kind_and_no_formula(shop: Shop, checkout: Command, tmp_path: Path) -> None:
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE skus SET title = '=1+1'"))
    payment = shop.paid()
    shop.refund(payment, 500)
    file = tmp_path / "books.xlsx"
    exported(checkout, "xlsx", shop.today, None, "--output", file)
    with zipfile.ZipFile(file) as book:
        assert book.testzip() is None
        names = ET.fromstring(book.read("xl/workbook.xml"))
        assert [one.get("name") for one in names.iter(f"{_CELL}sheet")] == [
            *("orders", "lines", "payments", "refunds", "totals"),
        ]
        assert not any(b"<f>" in book.read(name) for name in book.namelist())
        _, line = cells(book, 2)
        assert ("inlineStr", "'=1+1") in line
        assert ("n", "10") in line
        head, paid = cells(book, 3)
        assert dict(zip([text for _, text in head], paid, strict=True))["out_trade_no"] == (
            "inlineStr",
            payment.out_trade_no,
        )


def test_an_export_to_a_file_is_there_whole_or_not_at_all(
    shop: Shop, checkout: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.paid()
    file = tmp_path / "books.csv"
    exported(checkout, "csv", shop.today, None, "--output", file)
    before = file.read_bytes()
    assert before.startswith(b"\xef\xbb\xbfrecord,day,")

    def broken(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(csv.DictWriter, "writerow", broken)
    assert checkout("orders", "export", "--from", shop.today, "--to", shop.today, "--output", file).exit_code
    assert (file.read_bytes(), [one.name for one in tmp_path.iterdir()]) == (before, ["books.csv"])


def test_an_empty_day_has_sums_of_nothing(shop: Shop, checkout: Command) -> None:
    found = records(checkout, shop.today - timedelta(days=40))
    assert {one["record"] for one in found} == {"total"}
    assert sums(found)["payments"] == (0, "0.00")


def test_a_folder_that_is_not_there_is_a_misuse(shop: Shop, checkout: Command, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "books.csv"
    result = checkout("orders", "export", "--from", shop.today, "--to", shop.today, "--output", file)
    assert "no folder" in refused(result, status=2)


def test_days_in_the_wrong_order_are_a_misuse(shop: Shop, checkout: Command) -> None:
    result = checkout("orders", "export", "--from", shop.today, "--to", shop.yesterday)
    assert "--to" in refused(result, status=2)


def test_all_of_it_is_one_snapshot(shop: Shop, checkout: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that is placed while the books are read is in the next export."""
    factories.place_all(shop.engine, factories.many_orders(shop.engine, 60))
    written = sheets._JsonLines.write
    placed_meanwhile: list[int] = []

    def write(writer: Any, found: Any) -> None:
        if not placed_meanwhile:
            placed_meanwhile.append(factories.placed(shop.engine, user_id=999))
        written(writer, found)

    monkeypatch.setattr(sheets._JsonLines, "write", write)
    found = records(checkout, shop.today)
    assert len(of(found, "order")) == 60
    assert sums(found)["orders"][0] == 60
    assert len(of(records(checkout, shop.today), "order")) == 61
