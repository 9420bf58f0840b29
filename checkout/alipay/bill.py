"""Alipay's bill of a day: asked for, downloaded while its address lives, read line by line.

A zip whose entry names are GBK without saying so, holding the list of trades and a summary in either order. The list
is GB18030 with CRLF, lines that begin with `#` around it, and a TAB behind each text. Its columns have grown over the
years, so they are found by name (opendocs.alipay.com, alipay.data.dataservice.bill.downloadurl.query).
"""

from __future__ import annotations

import csv
import re
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from io import TextIOWrapper
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from zipfile import BadZipFile, ZipFile, ZipInfo

import urllib3
from structlog import get_logger
from urllib3.exceptions import HTTPError

from checkout import money
from checkout.alipay.client import Alipay, Done, Unknown
from checkout.errors import CheckoutError
from checkout.settings import addresses

log = get_logger(__name__)

DOWNLOAD_SECONDS = 30
CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 10.0
LARGEST_ARCHIVE_BYTES = 500_000_000
LARGEST_LIST_BYTES = 5_000_000_000
MEMORY_BYTES = 4_000_000

# Alipay writes its codes in upper or lower case, with or without "isp." or "isv." before them.
_NO_BILL = {"bill_not_exist", "no_bill_data", "empty_data_with_bill_file"}
_LATER = {"system_rate_limit", "user_rate_limit", "app-call-limited", "method-call-limited", "unknown_error", "40005"}

_TITLE = "业务明细查询"
_TRADE_NO, _NUMBER, _KIND, _SUBJECT = "支付宝交易号", "商户订单号", "业务类型", "商品名称"
_CREATED, _AMOUNT, _REQUEST_NO = "创建时间", "订单金额", "退款批次号/请求号"
_PAYMENT, _REFUND = "交易", "退款"
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} ")
# Some bills give refunds without a sign. No zeros lead, so a cell cut in two is not taken for an amount.
_YUAN = re.compile(r"-?((?:0|[1-9][0-9]*)(?:\.[0-9]{1,2})?)")


class NotReady(CheckoutError):
    """Alipay has no answer yet; the same question later has one."""

    code = "bill_not_ready"
    retry = True


class BillRefused(CheckoutError):
    """Alipay does not give this bill, now or later."""

    code = "bill_refused"


class Unreadable(CheckoutError):
    """What was downloaded is no bill as Alipay writes them."""

    code = "bill_unreadable"


class Line(NamedTuple):
    """Money that moved: `fen` is above zero for a payment, below for a refund, which alone has a `request_no`."""

    out_trade_no: str
    request_no: str
    fen: int


def address(alipay: Alipay, day: date, *, is_due: bool) -> str | None:
    """Where the bill can be fetched within 30 seconds; None: nothing happened on that day.

    That there is no bill says so only when it is due, not before. Raises NotReady and BillRefused.
    """
    answer = alipay.bill_url(day)
    if isinstance(answer, Done):
        is_empty = _bare(answer.fields.get("bill_file_code", "")) in _NO_BILL
        return None if is_empty else _trusted(alipay, day, answer.fields.get("bill_download_url", ""))
    if isinstance(answer, Unknown) and answer.code and _bare(answer.code) not in _LATER:
        raise BillRefused(f"Alipay's gateway turns us away: {answer.code}; see checkout doctor")
    if isinstance(answer, Unknown):
        raise NotReady(f"whether Alipay has a bill of {day} is unknown: {answer.why}")
    code = _bare(answer.code)
    if code in _NO_BILL and is_due:
        return None
    if code in _NO_BILL or code in _LATER:
        raise NotReady(
            f"Alipay has no bill of {day} yet ({answer.code}); it comes at 09:00 Beijing time of the next day"
        )
    raise BillRefused(f"Alipay gives no bill of {day}: {answer.code} {answer.message}")


def _trusted(alipay: Alipay, day: date, url: str) -> str:
    """The address, by https and under Alipay's own domains; a gateway on this machine has its bills here too.

    Alipay still writes http for some (open.alitrip.com, 104674), where https answers as well. Raises BillRefused.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise BillRefused(f"the address of the bill of {day} cannot be read") from None
    if alipay.is_local and addresses.is_loopback(url):
        return url
    is_theirs = any(host == domain or host.endswith(f".{domain}") for domain in alipay.bill_domains)
    if parts.scheme not in ("http", "https") or not is_theirs or "@" in parts.netloc or port not in (None, 80, 443):
        raise BillRefused(f"the bill of {day} lies at {host[:100]!r}, which is not under CHECKOUT_ALIPAY_BILL_DOMAINS")
    return urlunsplit(("https", host, *parts[2:]))


def _bare(code: str) -> str:
    return code.lower().rpartition(".")[2]


def download(url: str) -> IO[bytes]:
    """The zip, in a temporary file once it is large. Raises NotReady when it does not come whole and in time."""
    file = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115 - the caller closes it
    try:
        _copy(url, file)
    except (HTTPError, OSError) as error:
        file.close()
        raise NotReady(f"the bill's download broke off: {type(error).__name__}") from error
    except NotReady:
        file.close()
        raise
    file.seek(0)
    return file


def _copy(url: str, file: IO[bytes]) -> None:
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS)
    with (
        urllib3.PoolManager(retries=False) as pool,
        pool.request("GET", url, timeout=timeout, redirect=False, preload_content=False) as response,
    ):
        if response.status != 200:
            raise NotReady(f"the bill's address answered HTTP {response.status}")
        while chunk := response.read1(65_536):
            file.write(chunk)
            if file.tell() > LARGEST_ARCHIVE_BYTES or time.monotonic() > deadline:
                raise NotReady("the bill's download has no end")


def check(archive: IO[bytes]) -> None:
    """That there is a list of trades inside. Raises Unreadable."""
    next(lines(archive), None)
    archive.seek(0)


def lines(archive: IO[bytes]) -> Iterator[Line]:
    """The payments and refunds of a bill, in its order, in little memory. Raises Unreadable."""
    try:
        with ZipFile(archive, metadata_encoding="gb18030") as packed, _list(packed) as text:
            yield from _lines(text)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, csv.Error) as error:
        raise Unreadable(f"the bill cannot be read: {error}") from error


def _list(packed: ZipFile) -> TextIOWrapper:
    """The member that lists trades, known by its first line; names and places are less sure."""
    for member in packed.infolist():
        text = _opened(packed, member)
        if _TITLE in text.readline(200):
            return text
        text.close()
    raise Unreadable("the bill has no list of trades")


def _opened(packed: ZipFile, member: ZipInfo) -> TextIOWrapper:
    if member.file_size > LARGEST_LIST_BYTES:
        raise Unreadable("the bill is too large")
    return TextIOWrapper(packed.open(member), encoding="gb18030", errors="replace", newline="")


def _lines(text: TextIOWrapper) -> Iterator[Line]:
    columns: dict[str, int] = {}
    width = others = 0
    # Nothing is quoted in a bill, and a name may begin with a quotation mark.
    for row in csv.reader(text, quoting=csv.QUOTE_NONE):
        if not row or row[0].startswith("#"):
            continue
        if not columns:
            columns, width = _columns(row), len(row)
            continue
        line = _line(_fitted(row, width, columns), columns)
        if line is None:
            others += 1
        elif line.fen:
            yield line
    if not columns:
        raise Unreadable("the bill's list has no header")
    if others:
        log.warning("bill_lines_of_other_kinds", lines=others)


def _columns(header: Sequence[str]) -> dict[str, int]:
    """Where each column is; `订单金额（元）` is called by its name without the unit."""
    places = {cell.strip().partition("（")[0].partition("(")[0]: place for place, cell in enumerate(header)}
    missing = {_TRADE_NO, _NUMBER, _KIND, _SUBJECT, _CREATED, _AMOUNT, _REQUEST_NO} - places.keys()
    if missing:
        raise Unreadable(f"the bill's list lacks the columns {', '.join(sorted(missing))}")
    return places


def _fitted(row: list[str], width: int, columns: Mapping[str, int]) -> list[str]:
    """The goods' name is the one text that may hold commas. Raises Unreadable when others seem to."""
    excess = len(row) - width
    if excess == 0:
        return row
    start = columns[_SUBJECT]
    fitted = [*row[:start], ",".join(row[start : start + excess + 1]), *row[start + excess + 1 :]]
    if excess < 0 or not _TIME.match(fitted[columns[_CREATED]]):
        raise Unreadable("a line of the bill does not fit its header")
    return fitted


def _line(row: Sequence[str], columns: Mapping[str, int]) -> Line | None:
    kind = row[columns[_KIND]].strip()
    number = row[columns[_NUMBER]].strip() or row[columns[_TRADE_NO]].strip()
    amount = _YUAN.fullmatch(row[columns[_AMOUNT]].strip())
    if amount is None:
        raise Unreadable(f"{row[columns[_AMOUNT]][:20]!r} is no amount")
    fen = money.fen(amount[1])
    if kind == _PAYMENT:
        return Line(number, "", fen)
    if kind == _REFUND:  # A full refund may have gone without a number of its own: it bears the trade's.
        return Line(number, row[columns[_REQUEST_NO]].strip() or number, -fen)
    return None
