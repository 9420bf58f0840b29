"""The rows of a bill's lists: columns found by name, and texts that hold commas and line feeds.

Nothing is quoted in a bill. What a row's cells are is told by what each must look like, from both ends; a row that
fits in two ways that mean different money, or in none, is in doubt, and a person looks at it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from copy import copy
from typing import IO, NamedTuple

from structlog import get_logger

from checkout import money
from checkout.reconciliation import archive
from checkout.reconciliation.archive import Unreadable

log = get_logger(__name__)

MOST_DOUBTS = 100
MOST_COMMAS = 60
MOST_MEANINGS = 16
LONGEST_ROW = 100_000

_TRADE_NO, _NUMBER, _KIND, _CREATED = "支付宝交易号", "商户订单号", "业务类型", "创建时间"
_AMOUNT, _REQUEST_NO = "订单金额", "退款批次号/请求号"
_PAYMENT, _REFUND, _OTHER = "交易", "退款", ""
_NEEDED = (_TRADE_NO, _NUMBER, _KIND, _AMOUNT, _REQUEST_NO)
_TEXTS = {"商品名称", "门店编号", "门店名称", "操作员", "终端号", "对方账户", "券名称", "备注"}
# No zeros lead, so a cell cut in two is not taken for an amount. Some bills give refunds without a sign.
_YUAN = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]{1,2})?"
_TIME = r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}(?: [0-9:]+)?"
_LOOKS = {
    _TRADE_NO: r"[0-9A-Za-z]{1,64}",
    _NUMBER: r"[^\s,]{0,64}",
    _KIND: r"[^\s,0-9]{1,20}",
    _AMOUNT: _YUAN,
    _REQUEST_NO: r"[0-9A-Za-z_-]{0,64}",
}
# What stands in lines of their own around the rows; any other `#` may begin a line of somebody's remark.
_AROUND = re.compile(r"#(?:-{5}|交易合计|退款合计|导出时间|支付宝|账号|起始日期)")
_TOTAL = re.compile(r"#(交易|退款)合计[：:]\s*([0-9]+)笔")


class Line(NamedTuple):
    """Money that moved: `fen` is above zero for a payment, below for a refund, which alone has a `request_no`.

    `fen` is None when the row is in doubt: then only whose it is can be said.
    """

    out_trade_no: str
    request_no: str
    fen: int | None


def lines(content: IO[bytes]) -> Iterator[Line]:
    """The payments and refunds of a bill, in its order, in little memory. Raises Unreadable."""
    sheets: list[_Sheet] = []
    doubts = 0
    for listed in archive.lists(content):
        sheets.append(_Sheet())
        for line in sheets[-1].lines(listed):
            doubts += line.fen is None
            if doubts > MOST_DOUBTS:
                raise Unreadable("too many lines of the bill do not fit its header")
            yield line
    _check_totals(sheets)


def check(content: IO[bytes]) -> None:
    """That all of it can be read. Raises Unreadable."""
    for _ in lines(content):
        pass
    content.seek(0)


def without_texts(listed: Iterator[str], numbers: Collection[str]) -> Iterator[str]:
    """The lines of a list, with their ends; of the rows with these numbers only what is no text."""
    columns, raw, wanted = None, list[str](), frozenset(numbers)
    for line in listed:
        bare = line.rstrip("\r\n")
        is_around = _AROUND.match(bare) is not None
        if columns is not None and not is_around and not columns.begin(bare):
            raw.append(line)
            continue
        yield from _named_nobody(raw, columns, wanted)
        raw = [] if columns is None or is_around else [line]
        if not raw:
            yield line
        if columns is None and not line.startswith("#"):
            columns = Columns(bare.split(","))
    yield from _named_nobody(raw, columns, wanted)


def _named_nobody(raw: Sequence[str], columns: Columns | None, numbers: frozenset[str]) -> Sequence[str]:
    row = "".join(raw).rstrip("\r\n")
    cells = row.split(",")
    if columns is None or numbers.isdisjoint(
        cells[place].strip() for place in columns.needed[:2] if place < len(cells)
    ):
        return raw
    fixed = columns.without_texts()
    fits = _Fitting(cells, fixed).all() if len(cells) <= columns.width + MOST_COMMAS else set[tuple[str, ...]]()
    if len(fits) == 1:
        kept = dict(zip(sorted(fixed.needed), fits.pop(), strict=True))
    else:  # Nobody knows which cell is which; those before the first text are sure.
        kept = dict(enumerate(cells[: columns.before_texts]))
    ending = raw[-1][len(raw[-1].rstrip("\r\n")) :]
    return [",".join(kept.get(place, "") for place in range(columns.width)) + ending]


def _check_totals(sheets: Sequence[_Sheet]) -> None:
    """Each list says how many rows it has; of several lists each may say how many all have. Raises Unreadable.

    A row in doubt may be one of them, or a part of somebody's text.
    """
    found = sum((sheet.found for sheet in sheets), Counter[str]())
    doubts = sum((sheet.doubts for sheet in sheets), Counter[str]())
    for kind in (_PAYMENT, _REFUND):
        told = [(sheet.said[kind], sheet.found[kind], sheet.doubts[kind]) for sheet in sheets if kind in sheet.said]
        of_each = all(count - unsure <= said <= count for said, count, unsure in told)
        of_all = all(found[kind] - doubts[kind] <= said <= found[kind] for said, _, _ in told)
        if not (of_each or of_all):
            says = ", ".join(f"{count} of {said}" for said, count, _ in told)
            raise Unreadable(f"the bill's own totals differ from its lines ({kind}: {says})")
    if found[_OTHER]:
        log.warning("bill_lines_of_other_kinds", lines=found[_OTHER])


class _Sheet:
    """One list: its header, how many rows of each kind it has, and how many it says to have."""

    def __init__(self) -> None:
        self.said: dict[str, int] = {}
        self.found: Counter[str] = Counter()
        self.doubts: Counter[str] = Counter()

    def lines(self, listed: Iterator[str]) -> Iterator[Line]:
        header = next((line for line in listed if not line.startswith("#")), None)
        if header is None:
            raise Unreadable("the bill's list has no header")
        columns = Columns(header.split(","))
        for row in self._rows(listed, columns):
            line, kind = _line(row, columns), columns.kind(row)
            self.found[kind] += 1
            self.doubts[kind] += line is not None and line.fen is None
            if line is not None and line.fen != 0:
                yield line

    def _rows(self, listed: Iterator[str], columns: Columns) -> Iterator[str]:
        """Whole rows, put together again where a text of theirs had a line feed."""
        row = ""
        for line in listed:
            is_around = _AROUND.match(line) is not None
            if not (is_around or columns.begin(line)):
                row = _joined(row, line)
                continue
            if row:
                yield row
            if is_around:
                self._hear(line)
            row = "" if is_around else line
        if row:
            yield row

    def _hear(self, line: str) -> None:
        if told := _TOTAL.match(line):
            self.said[told[1]] = int(told[2])


def _joined(row: str, line: str) -> str:
    if not row and line:
        raise Unreadable("a line of the bill does not fit its header")
    if len(row) > LONGEST_ROW:
        raise Unreadable("a row of the bill has no end")
    return f"{row}\n{line}" if row else ""


class Columns:
    """What each column's cells look like; None: a text, which may hold commas."""

    def __init__(self, header: Sequence[str]) -> None:
        """Raises Unreadable. `订单金额（元）` is called by its name without the unit."""
        names = [cell.strip().partition("（")[0].partition("(")[0] for cell in header]
        if missing := {*_NEEDED, _CREATED} - set(names):
            raise Unreadable(f"the bill's list lacks the columns {', '.join(sorted(missing))}")
        self.width = len(names)
        self.looks = [_look(name, cell) for name, cell in zip(names, header, strict=True)]
        self.needed = [names.index(name) for name in _NEEDED]
        self.before_texts = next((place for place, look in enumerate(self.looks) if look is None), self.width)

    def without_texts(self) -> Columns:
        """The same, when all that is no text is needed."""
        other = copy(self)
        other.needed = [place for place, look in enumerate(self.looks) if look is not None]
        return other

    def begin(self, line: str) -> bool:
        """Whether a row begins with this line: what stands before its first text looks as it must."""
        cells = line.split(",", self.before_texts)
        return len(cells) > self.before_texts and all(
            look is not None and look(cell.strip())
            for look, cell in zip(self.looks[: self.before_texts], cells, strict=False)
        )

    def kind(self, row: str) -> str:
        """It stands before all texts; a bill that has it elsewhere is read by its place all the same."""
        said = row.split(",", self.needed[2] + 1)[self.needed[2]].strip()
        return said if said in (_PAYMENT, _REFUND) else _OTHER

    def may_hide_a_row(self, row: str) -> bool:
        """Whether a line that was taken for the rest of a text has as many commas as a row."""
        return any(line.count(",") >= self.width - 1 for line in row.split("\n")[1:])


def _look(name: str, cell: str) -> Callable[[str], object] | None:
    if name in _TEXTS:
        return None
    look = _LOOKS.get(name) or (f"(?:{_YUAN})?" if "元" in cell else f"(?:{_TIME})?" if "时间" in name else "[^,]*")
    return re.compile(look).fullmatch


def _line(row: str, columns: Columns) -> Line | None:
    """What the row means; None for business that moves no money of ours."""
    cells = row.split(",")
    fits: set[tuple[str, ...]] = set()
    is_bounded = columns.width <= len(cells) <= columns.width + MOST_COMMAS and row.count("\n") <= MOST_COMMAS
    if is_bounded and not columns.may_hide_a_row(row):
        fits = _Fitting(cells, columns).all()
    meanings = {_meaning(dict(zip(sorted(columns.needed), fit, strict=True)), columns) for fit in fits}
    if len(meanings) == 1 and len(fits) <= MOST_MEANINGS:
        return meanings.pop()
    trade_no, number = (cells[place].strip() for place in columns.needed[:2])
    return Line((number or trade_no)[:64], "", None)


def _meaning(cells: dict[int, str], columns: Columns) -> Line | None:
    trade_no, number, kind, amount, request = (cells[place] for place in columns.needed)
    fen = money.fen(amount.removeprefix("-"))
    if kind == _PAYMENT:
        return Line(number or trade_no, "", fen)
    if kind == _REFUND:  # A full refund may have gone without a number of its own: it bears the trade's.
        return Line(number or trade_no, request or number or trade_no, -fen)
    return None


class _Fitting:
    """Every way in which the cells can be the columns: one cell each, and as many as it takes for a text."""

    def __init__(self, cells: list[str], columns: Columns) -> None:
        self._cells = [cell.strip() for cell in cells]
        self._columns = columns
        self._needed = set(columns.needed)
        self._known: dict[tuple[int, int], set[tuple[str, ...]]] = {}

    def all(self) -> set[tuple[str, ...]]:
        """The cells that are needed, in the order of their columns, for each way; a few ways are as good as all."""
        return self._from(0, 0)

    def _from(self, column: int, place: int) -> set[tuple[str, ...]]:
        if column == self._columns.width:
            return {()} if place == len(self._cells) else set()
        if (column, place) not in self._known:
            self._known[column, place] = self._found(column, place)
        return self._known[column, place]

    def _found(self, column: int, place: int) -> set[tuple[str, ...]]:
        look, spare = self._columns.looks[column], len(self._cells) - place - (self._columns.width - column)
        if look is not None:
            cell = self._cells[place]
            own = (cell,) if column in self._needed else ()
            return {own + rest for rest in self._from(column + 1, place + 1)} if look(cell) else set()
        found: set[tuple[str, ...]] = set()
        for taken in range(spare + 1):
            found |= self._from(column + 1, place + 1 + taken)
            if len(found) > MOST_MEANINGS:
                break
        return found
