"""Alipay's asynchronous notify (opendocs.alipay.com, 203/105286 and 00f7nu): what must hold before it is believed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from checkout import clock, money
from checkout.alipay.answers import STATUSES
from checkout.alipay.client import Alipay
from checkout.alipay.trade import Trade
from checkout.errors import CheckoutError

MOST_PARAMETERS = 100
# Without these it is no notify of a trade, whoever signed it: a buyer's return, for one, is signed too.
MARKS = ("notify_id", "notify_type")
REQUIRED = (
    *("notify_id", "notify_type", "notify_time", "app_id", "seller_id", "charset", "version", "sign_type", "sign"),
    *("out_trade_no", "trade_no", "trade_status", "total_amount", "gmt_create"),
)
# What of a notify names nobody; its texts and its signature may.
IMPERSONAL = (
    *(name for name in REQUIRED if name != "sign"),
    *("refund_fee", "send_back_fee", "out_biz_no", "gmt_payment", "gmt_refund", "gmt_close", "receipt_amount"),
    *("invoice_amount", "buyer_pay_amount", "point_amount", "notify_action_type"),
)
_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "gb18030": "gb18030",
}
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9_]{0,63}")
# The signed text has no escapes: a value that holds another parameter may be a genuine text that was cut anew.
_RECUT = re.compile(r"&[A-Za-z_][A-Za-z0-9_]*=")


class Unverified(CheckoutError):
    """Nobody knows who sent it, or it is no notify: it changes nothing."""

    code = "notify_unverified"


class Foreign(CheckoutError):
    """Alipay signed it, but it is not for this app or this seller, or it says what no trade's notify says."""

    code = "notify_foreign"


class Notify(NamedTuple):
    """A notify that holds. `fact`, a UUID in hex, is equal for two that tell the same news."""

    fact: str
    trade: Trade
    params: dict[str, str]


def parameters(body: bytes) -> dict[str, str]:
    """The decoded form, whatever Content-Type it came with. Raises Unverified for what is no such form."""
    try:
        pairs = [_pair(pair) for pair in body.split(b"&")]
        params = dict(pairs)
        if len(pairs) > MOST_PARAMETERS or len(params) < len(pairs):
            raise ValueError("parameters")
        codec = _codec(params.get(b"charset", b"utf-8").decode())
        decoded = {name.decode("ascii"): value.decode(codec) for name, value in pairs}
    except ValueError as error:
        raise Unverified("the body is not a notify's form") from error
    if any(_RECUT.search(value) for value in decoded.values()):
        raise Unverified("a value holds another parameter")
    return decoded


def _pair(text: bytes) -> tuple[bytes, bytes]:
    name, equals, value = text.partition(b"=")
    if not equals or not _NAME.fullmatch(_decoded(name)):
        raise ValueError("a name without a value, or no name")
    return _decoded(name), _decoded(value)


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _codec(charset: str) -> str:
    codec = _CODECS.get(charset.lower())
    if codec is None:
        raise ValueError("an unknown charset")
    return codec


def signed_by_alipay(alipay: Alipay, params: Mapping[str, str]) -> bool:
    """The rule of notifies and returns: `sign` and `sign_type` are left out, everything else is signed as received."""
    if params.get("sign_type") != "RSA2":
        return False
    content = "&".join(f"{name}={params[name]}" for name in sorted(params) if name not in ("sign", "sign_type"))
    codec = _codec(params.get("charset", "utf-8"))
    return alipay.trust.verifies(content.encode(codec), params.get("sign", ""))


def verify(alipay: Alipay, params: dict[str, str]) -> Notify:
    """The notify, once signature, app and seller hold. Raises Unverified and Foreign."""
    if not signed_by_alipay(alipay, params):
        raise Unverified("the signature does not hold")
    if any(not params.get(name) for name in MARKS):
        raise Unverified("Alipay signed it, but not as a notify")
    if params.get("app_id") != alipay.app_id or params.get("seller_id") != alipay.seller_id:
        raise Foreign("the notify is for another app or seller")
    missing = [name for name in REQUIRED if not params.get(name)]
    if missing or params["notify_type"] != "trade_status_sync" or params["trade_status"] not in STATUSES:
        raise Foreign("the notify lacks what a trade's notify has")
    try:
        told = trade(params)
    except ValueError as error:
        raise Foreign("an amount or a time of the notify cannot be read") from error
    return Notify(_fact(params), told, params)


def trade(params: Mapping[str, str]) -> Trade:
    """What verified parameters say. Raises ValueError for what is no amount or no time."""
    refunded = params.get("refund_fee")
    return Trade(
        out_trade_no=params["out_trade_no"],
        trade_no=params["trade_no"],
        status=params["trade_status"],
        total_fen=money.fen(params["total_amount"]),
        created_at=clock.from_beijing(params["gmt_create"]),
        refunded_fen=money.fen(refunded) if refunded else None,
    )


def _fact(params: Mapping[str, str]) -> str:
    names = ("trade_no", "out_trade_no", "trade_status", "total_amount", "refund_fee", "out_biz_no")
    said = "\0".join(params.get(name, "") for name in names)
    return blake2b(said.encode(), digest_size=16).hexdigest()
