"""What an answer must hold, method by method, before anything in it is believed. docs/security.md shows this table.

A signature proves that Alipay said it, not that it speaks of what was asked: a member that repeats the question must
say the same, whether Alipay did it or refused it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from checkout import clock

STATUSES = ("WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED")

_AMOUNT = r"[0-9]{1,9}(\.[0-9]{1,2})?"
# What each member looks like; others are not read.
KINDS: dict[str, re.Pattern[str]] = {
    "trade_no": re.compile(r"[0-9A-Za-z_-]{1,64}"),
    "out_trade_no": re.compile(r"[0-9A-Za-z_]{1,64}"),
    "out_request_no": re.compile(r"[^\x00-\x1f]{1,64}"),
    "trade_status": re.compile("|".join(STATUSES)),
    "total_amount": re.compile(_AMOUNT),
    "refund_amount": re.compile(_AMOUNT),
    "refund_fee": re.compile(_AMOUNT),
    "send_pay_date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"),
    "fund_change": re.compile("Y|N"),
    "refund_status": re.compile(r"[A-Z_]{1,32}"),
    "qr_code": re.compile(r"[!-~]{1,1024}"),
    "bill_download_url": re.compile(r"[!-~]{1,2048}"),
    "bill_file_code": re.compile(r"[\w.-]{1,64}", re.ASCII),
}
# What repeats the question.
ECHOES = ("out_trade_no", "trade_no", "out_request_no")


class Members(NamedTuple):
    """What must stand in an answer that says "done", and what may."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


METHODS = {
    "alipay.trade.query": Members(("trade_no", "out_trade_no", "trade_status", "total_amount"), ("send_pay_date",)),
    "alipay.trade.close": Members(("trade_no", "out_trade_no")),
    "alipay.trade.refund": Members(("trade_no", "out_trade_no", "refund_fee"), ("fund_change",)),
    # Alipay knows of no such refund: then it answers without any of these.
    "alipay.trade.fastpay.refund.query": Members(
        (), ("trade_no", "out_trade_no", "out_request_no", "refund_amount", "refund_status")
    ),
    "alipay.trade.create": Members(("trade_no", "out_trade_no")),
    "alipay.trade.precreate": Members(("out_trade_no", "qr_code")),
    "alipay.data.dataservice.bill.downloadurl.query": Members((), ("bill_download_url", "bill_file_code")),
}


def fault(method: str, asked: Mapping[str, Any], fields: Mapping[str, Any], *, done: bool) -> str | None:
    """Why the answer is none to what was asked; None: it is. `done`: it says that Alipay did it."""
    for name in ECHOES:
        if name in fields and name in asked and fields[name] != asked[name]:
            return f"{name} is another's"
    members = METHODS[method]
    for name in (*members.required, *members.optional) if done else ():
        if name not in fields and name in members.required:
            return f"{name} is missing"
        if name in fields and not _fits(name, fields[name]):
            return f"{name} is not what it should be"
    return None


def _fits(name: str, value: object) -> bool:
    if not isinstance(value, str) or not KINDS[name].fullmatch(value):
        return False
    return name != "send_pay_date" or _is_a_time(value)


def _is_a_time(text: str) -> bool:
    try:
        clock.from_beijing(text)
    except ValueError:
        return False
    return True
