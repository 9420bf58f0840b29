"""Tables of people: CSV as spreadsheets write it, or a JSON list, each row one struct. All faults are told at once."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from checkout.errors import Invalid

MOST_FAULTS = 50
_DELIMITERS = (",", ";", "\t")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

S = TypeVar("S", bound=msgspec.Struct)


class Row(NamedTuple):
    """What one struct was given as, and where a person finds it."""

    place: str
    members: Any
    fault: str = ""


def rows(content: bytes, kind: type[msgspec.Struct]) -> Iterator[Row]:
    """The rows of a CSV file whose header names the struct's members. Raises Invalid."""
    return _csv(_text(content), kind)


def listed(content: bytes) -> Iterator[Row]:
    """The rows of a JSON list. Raises Invalid."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"the file is not JSON: {error}", "$") from error
    if not isinstance(found, list):
        raise Invalid("a list of items is expected", "$")
    return (Row(f"[{place}]", members) for place, members in enumerate(found))


def item(row: Row, kind: type[S]) -> tuple[S | None, str]:
    """The struct, or why it is none."""
    if row.fault:
        return None, row.fault
    try:
        return msgspec.convert(row.members, kind, strict=False), ""
    except msgspec.ValidationError as error:
        return None, _in_words(str(error))


def told(faults: Sequence[str]) -> str:
    """A line each, as many as a person reads."""
    more = [f"and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
    return "\n".join([*faults[:MOST_FAULTS], *more])


def _in_words(message: str) -> str:
    """`Expected … - at `$.stock`` with the member first; which letters an id has is told in words."""
    what, _, path = message.partition(" - at `$")
    if "matching regex" in what and path.startswith((".sku_id", ".spu_id")):
        what = "an id has 1 to 64 letters, digits, dots, dashes and underscores"
    return f"{path.strip('.`')}: {what}" if path.strip(".`") else what


def _text(content: bytes) -> str:
    """Excel writes UTF-8 with a mark, UTF-16 with one, or what the machine's language has always had."""
    encodings = ("utf-16",) if content.startswith(_UTF_16) else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Invalid("the file is text of no encoding that spreadsheets write: save it as CSV UTF-8", "$")


def _csv(text: str, kind: type[msgspec.Struct]) -> Iterator[Row]:
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.strip().lower().startswith("sep="):  # A hint for Excel alone.
        text, skipped = rest, 1
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = _header(next(reader, []), kind)
        line = reader.line_num
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _row(f"line {line + 1 + skipped}", header, cells, kind)
            line = reader.line_num
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num + skipped}: {error}", "$") from error


@cache
def _required(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    fields = msgspec.structs.fields(kind)
    return tuple(field.name for field in fields if field.required)


def _header(cells: Sequence[str], kind: type[msgspec.Struct]) -> list[str]:
    """The members' names; what is empty at the end are columns that a spreadsheet once had."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    known = kind.__struct_fields__
    wrong = [repr(name) for name in names if name not in known]
    missing = [name for name in _required(kind) if name not in names]
    if wrong or missing or len(set(names)) < len(names):
        said = f"{', '.join(wrong)} is none of them" if wrong else f"{', '.join(missing) or 'a name twice'} is wrong"
        raise Invalid(f"line 1: the header names the columns {', '.join(known)}; {said}", "$")
    return names


def _row(place: str, header: Sequence[str], cells: Sequence[str], kind: type[msgspec.Struct]) -> Row:
    """An empty cell is as good as none, where a member may be left out."""
    if any(cell.strip() for cell in cells[len(header) :]):
        return Row(place, None, f"{len(cells)} cells under {len(header)} columns")
    given = zip(header, (cell.strip() for cell in cells), strict=False)
    required, booleans = _required(kind), _booleans(kind)
    said = ((name, cell) for name, cell in given if cell or name in required)
    return Row(place, {name: cell.lower() if name in booleans else cell for name, cell in said})


@cache
def _booleans(kind: type[msgspec.Struct]) -> Collection[str]:
    """Excel writes TRUE and FALSE."""
    return {field.name for field in msgspec.structs.fields(kind) if field.type is bool}
