"""Alipay's bill of a day: asked for, and downloaded while its address lives."""

from __future__ import annotations

import time
from datetime import date
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import urlsplit, urlunsplit

import urllib3
from urllib3.exceptions import HTTPError

from checkout.alipay.client import Alipay, Done, Unknown
from checkout.errors import CheckoutError
from checkout.settings import addresses

DOWNLOAD_SECONDS = 30
CONNECT_SECONDS = 3.0
SILENCE_SECONDS = 10.0
LARGEST_ARCHIVE_BYTES = 500_000_000
MEMORY_BYTES = 4_000_000

# Alipay writes its codes in upper or lower case, with or without "isp." or "isv." before them.
_NO_BILL = {"bill_not_exist", "no_bill_data", "empty_data_with_bill_file"}
_LATER = {"system_rate_limit", "user_rate_limit", "app-call-limited", "method-call-limited", "unknown_error", "40005"}


class NotReady(CheckoutError):
    """Alipay has no answer yet; the same question later has one."""

    code = "bill_not_ready"


class BillRefused(CheckoutError):
    """Alipay does not give this bill, now or later."""

    code = "bill_refused"


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
