"""Catalogue files as people have them: JSON lists, and CSV as spreadsheets write it. All faults are told at once."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from checkout import money
from checkout.errors import Invalid
from checkout.stock.catalog import Item

LARGEST_FILE_BYTES = 100_000_000
MOST_ITEMS = 1_000_000
MOST_FAULTS = 50
_NAMES = Item.__struct_fields__
_OPTIONAL = Item.__struct_defaults__
_DELIMITERS = (",", ";", "\t")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _Row(NamedTuple):
    """What one item was given as, and where a person finds it."""

    place: str
    members: Any
    fault: str = ""


def parse(content: bytes, *, is_json: bool) -> list[Item]:
    """The items of a CSV file with a header, or of a JSON list. Raises Invalid that names every fault and its place."""
    if len(content) > LARGEST_FILE_BYTES:
        raise Invalid(f"the file is larger than {LARGEST_FILE_BYTES:,} bytes", "$")
    rows = _json(content) if is_json else _csv(_text(content))
    items, faults = _items(rows)
    if faults:
        more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        raise Invalid("\n".join(faults[:MOST_FAULTS] + more), "$")
    return items


def _items(rows: Iterator[_Row]) -> tuple[list[Item], list[str]]:
    items: list[Item] = []
    places: dict[str, str] = {}
    faults: list[str] = []
    for row in rows:
        item, fault = _item(row)
        if item is None:
            faults.append(f"{row.place}: {fault}")
        elif item.sku_id in places:
            faults.append(f"{row.place}: SKU {item.sku_id} stands on {places[item.sku_id]} already")
        else:
            places[item.sku_id] = row.place
            items.append(item)
        if len(items) > MOST_ITEMS:
            raise Invalid(f"at most {MOST_ITEMS:,} SKUs", "$")
    return items, faults


def _item(row: _Row) -> tuple[Item | None, str]:
    if row.fault:
        return None, row.fault
    try:
        item = msgspec.convert(row.members, Item, strict=False)
    except msgspec.ValidationError as error:
        return None, _in_words(str(error))
    try:
        in_range = 1 <= item.price_fen <= money.LARGEST_FEN
    except ValueError:
        in_range = False
    return (item, "") if in_range else (None, f"price: {item.price!r} is not yuan from 0.01 on, like 128.00")


def _in_words(message: str) -> str:
    """`Expected … - at `$.stock`` with the member first; which letters an id has is told in words."""
    what, _, path = message.partition(" - at `$")
    if "matching regex" in what and path.startswith((".sku_id", ".spu_id")):
        what = "an id has 1 to 64 letters, digits, dots, dashes and underscores"
    return f"{path.strip('.`')}: {what}" if path.strip(".`") else what


def _json(content: bytes) -> Iterator[_Row]:
    try:
        listed = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"the file is not JSON: {error}", "$") from error
    if not isinstance(listed, list):
        raise Invalid("a list of items is expected", "$")
    return (_Row(f"[{place}]", members) for place, members in enumerate(listed))


def _text(content: bytes) -> str:
    """Excel writes UTF-8 with a mark, UTF-16 with one, or what the machine's language has always had."""
    encodings = ("utf-16",) if content.startswith(_UTF_16) else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("the file is text of no encoding that spreadsheets write: save it as CSV UTF-8", "$")


def _csv(text: str) -> Iterator[_Row]:
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.strip().lower().startswith("sep="):  # A hint for Excel alone.
        text, skipped = rest, 1
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = _header(next(reader, []))
        line = reader.line_num
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(f"line {line + 1 + skipped}", header, cells)
            line = reader.line_num
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num + skipped}: {error}", "$") from error


def _header(cells: Sequence[str]) -> list[str]:
    """The members' names; what is empty at the end are columns that a spreadsheet once had."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    wrong = [repr(name) for name in names if name not in _NAMES]
    missing = [name for name in _NAMES[: len(_NAMES) - len(_OPTIONAL)] if name not in names]
    if wrong or missing or len(set(names)) < len(names):
        said = f"{', '.join(wrong)} is none of them" if wrong else f"{', '.join(missing) or 'a name twice'} is wrong"
        raise Invalid(f"line 1: the header names the columns {', '.join(_NAMES)}; {said}", "$")
    return names


def _row(place: str, header: Sequence[str], cells: Sequence[str]) -> _Row:
    """An empty cell is as good as none, where a member may be left out."""
    if any(cell.strip() for cell in cells[len(header) :]):
        return _Row(place, None, f"{len(cells)} cells under {len(header)} columns")
    given = dict(zip(header, cells, strict=False))
    return _Row(place, {name: _cell(name, cell) for name, cell in given.items() if _is_said(name, cell)})


def _is_said(name: str, cell: str) -> bool:
    return bool(cell.strip()) or name in _NAMES[: len(_NAMES) - len(_OPTIONAL)]


def _cell(name: str, cell: str) -> str:
    """Excel writes TRUE and FALSE."""
    return cell.strip().lower() if name == "on_sale" else cell.strip()
