"""Writing records as CSV, as JSON lines, or as an Excel workbook; none of it is held in memory.

What people wrote must not become a formula in the accountant's spreadsheet (OWASP, CSV Injection).
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable
from io import TextIOWrapper
from typing import IO, Any, Protocol

from xlsxwriter import Workbook  # type: ignore[import-untyped] # It ships no types.

from checkout.books import entries
from checkout.books.entries import Record

COLUMNS = (
    *("record", "day", "order_id", "reference", "user_id", "status", "reason", "pay_method", "at"),
    *("sku_id", "spu_id", "title", "quantity", "refunded_quantity", "unit_price", "goods", "discount", "freight"),
    *("payment_id", "method", "kept", "out_trade_no", "trade_no", "refund_id", "request_no", "source"),
    *("what", "count", "amount"),
)
FORMATS = ("csv", "jsonl", "xlsx")
# Spreadsheets take what begins so for a formula, some of them the wide forms, too.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
MOST_ROWS = 1_000_000
_SHEETS = {"order": "orders", "line": "lines", "payment": "payments", "refund": "refunds", "total": "totals"}


class Writer(Protocol):
    """What takes records, and is closed at the end."""

    def write(self, records: Iterable[Record]) -> None: ...

    def close(self) -> None: ...


def writer(kind: str, file: IO[bytes]) -> Writer:
    """A writer of that format."""
    if kind == "csv":
        return _Csv(file)
    return _JsonLines(file) if kind == "jsonl" else _Xlsx(file)


def harmless(text: str) -> str:
    """The text, as a spreadsheet shows it and nothing more."""
    return f"'{text}" if text.startswith(_FORMULAS) else text


class _Csv:
    """With a byte order mark, by which Excel knows UTF-8."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=False)
        self._rows = csv.DictWriter(self._text, COLUMNS, restval="")
        self._rows.writeheader()

    def write(self, records: Iterable[Record]) -> None:
        for record in records:
            told = entries.yuan(record)
            self._rows.writerow({name: _cell(value) for name, value in told.items()})

    def close(self) -> None:
        self._text.flush()
        self._text.detach()


def _cell(value: Any) -> Any:
    return harmless(value) if isinstance(value, str) else value


class _JsonLines:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, records: Iterable[Record]) -> None:
        for record in records:
            self._file.write(json.dumps(entries.yuan(record), ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        self._file.flush()


class _Xlsx:
    """A sheet for each kind of record; one that is full goes on in another. Numbers of trades stay texts."""

    def __init__(self, file: IO[bytes]) -> None:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book = Workbook(file, options)
        self._amount = self._book.add_format({"num_format": "0.00"})
        self._rows: Counter[str] = Counter()
        self._sheets: dict[str, Any] = {}
        self._columns: dict[str, list[str]] = {}

    def write(self, records: Iterable[Record]) -> None:
        for record in records:
            told = {name.removesuffix("_fen"): (name, value) for name, value in record.items() if name != "record"}
            kind = record["record"]
            if self._rows[kind] % MOST_ROWS == 0:
                self._add(kind, list(told))
            row = self._rows[kind] % MOST_ROWS + 1
            for place, (name, value) in enumerate(told.values()):
                self._put(kind, row, place, name, value)
            self._rows[kind] += 1

    def _add(self, kind: str, columns: list[str]) -> None:
        part = self._rows[kind] // MOST_ROWS + 1
        sheet = self._sheets[kind] = self._book.add_worksheet(_SHEETS[kind] + (f" {part}" if part > 1 else ""))
        for place, name in enumerate(columns):
            sheet.write_string(0, place, name)

    def _put(self, kind: str, row: int, place: int, name: str, value: Any) -> None:
        sheet = self._sheets[kind]
        if value is None:
            return
        if name.endswith("_fen"):
            sheet.write_number(row, place, value / 100, self._amount)
        elif isinstance(value, bool):
            sheet.write_boolean(row, place, value)
        elif isinstance(value, int):
            sheet.write_number(row, place, value)
        else:
            sheet.write_string(row, place, harmless(value))

    def close(self) -> None:
        self._book.close()
