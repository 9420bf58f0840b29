"""An offer: an order that a merchant has shown to a buyer. No trade exists before the buyer takes it up."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.alipay import fields
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.switches import Product
from sandbox.alipay.wire import BusinessError, Call

_DAY = 86400
_COMMON_KEYS = frozenset(
    {"out_trade_no", "total_amount", "subject", "body", "product_code", "time_expire", "timeout_express"}
    | {"passback_params", "goods_detail", "goods_type", "extend_params", "enable_pay_channels", "disable_pay_channels"}
    | {"merchant_order_no", "query_options", "store_id", "promo_params", "settle_info", "sub_merchant"}
    | {"ext_user_info", "business_params", "royalty_info", "agreement_sign_params", "invoice_info", "seller_id"}
    | {"operator_id", "terminal_id", "specified_channel"}
)


@dataclass(frozen=True)
class Terms:
    """What one payment method asks for and grants; times in seconds (field documentation of the methods)."""

    product: Product
    codes: tuple[str, ...]
    default_code: str
    timeout: float
    minimum: float
    own_keys: frozenset[str] = frozenset()


TERMS = {
    "alipay.trade.page.pay": Terms(
        "page",
        ("FAST_INSTANT_TRADE_PAY",),
        "",
        15 * _DAY,
        60,
        frozenset({"qr_pay_mode", "qrcode_width", "integration_type", "request_from_url"}),
    ),
    "alipay.trade.wap.pay": Terms("wap", (), "", 15 * _DAY, 300, frozenset({"quit_url", "auth_token"})),
    "alipay.trade.app.pay": Terms(
        "app", ("QUICK_MSECURITY_PAY", "CYCLE_PAY_AUTH"), "QUICK_MSECURITY_PAY", 15 * _DAY, 300
    ),
    "alipay.trade.precreate": Terms(
        "qr",
        ("FACE_TO_FACE_PAYMENT", "QR_CODE_OFFLINE"),
        "FACE_TO_FACE_PAYMENT",
        3 * 3600,
        60,
        frozenset({"qr_code_timeout_express", "discountable_amount", "undiscountable_amount"}),
    ),
    "alipay.trade.create": Terms(
        "mini",
        ("JSAPI_PAY", "FACE_TO_FACE_PAYMENT"),
        "FACE_TO_FACE_PAYMENT",
        15 * _DAY,
        60,
        frozenset({"buyer_id", "buyer_open_id", "buyer_logon_id", "op_app_id", "op_buyer_open_id"}),
    ),
}
# The order code is another contract than the face-to-face code, under the same method.
ORDER_CODE = "QR_CODE_OFFLINE"
_MINIMUM = {terms.product: terms.minimum for terms in TERMS.values()} | {"order_code": 60}
_CODES: tuple[Product, ...] = ("qr", "order_code")
_INSTALLMENTS = ("3", "6", "12")
_RELATIVE_MINIMUM = {"wap": 300.0, "app": 300.0}
_QR_LIFE = 2 * 3600
_AHEAD = 15 * _DAY


@dataclass(frozen=True)
class Offer:
    """One way to pay one order. The same request again is the same offer, shown again."""

    token: str
    out_trade_no: str
    product: Product
    total_fen: int
    subject: str
    body: str
    passback_params: str
    notify_url: str
    return_url: str
    quit_url: str
    charset: str
    certified: int
    time_expire: float | None
    timeout: float
    first_shown_at: float
    shown_at: float
    installments: str = ""
    buyer: str = ""  # whom the merchant names when he makes the trade himself


def read(gateway: Gateway, call: Call) -> Offer:
    """The offer that a payment request makes; raises BusinessError for what does not fit."""
    terms = TERMS[call.method]
    _check_keys(gateway, call.biz, terms)
    _check_code(gateway, call.biz, terms)
    return _offer(gateway, call, terms)


def remember(gateway: Gateway, offer: Offer) -> Offer:
    """Keep the offer, or note that the one that is kept was shown again."""
    with gateway.store.transaction():
        if not gateway.store.run("UPDATE offers SET shown_at = ? WHERE token = ?", offer.shown_at, offer.token):
            gateway.store.insert("offers", **asdict(offer))
        return find(gateway, offer.token)


def find(gateway: Gateway, token: str) -> Offer:
    row = gateway.store.one("SELECT * FROM offers WHERE token = ?", token)
    if row is None:
        raise BusinessError("ACQ.TRADE_NOT_EXIST", "交易不存在")
    return Offer(**row)


def newest(gateway: Gateway, out_trade_no: str) -> Offer:
    sql = "SELECT token FROM offers WHERE out_trade_no = ? ORDER BY shown_at DESC, rowid DESC LIMIT 1"
    row = gateway.store.one(sql, out_trade_no)
    return find(gateway, row["token"] if row else "")


def was_shown(gateway: Gateway, out_trade_no: str) -> bool:
    """Whether a code was given for the order before."""
    sql = "SELECT 1 FROM offers WHERE out_trade_no = ? AND product IN ('qr', 'order_code')"
    return gateway.store.one(sql, out_trade_no) is not None


def withdraw(gateway: Gateway, out_trade_no: str) -> None:
    """Make the QR codes of an order that nobody has scanned worthless."""
    gateway.store.run("DELETE FROM offers WHERE out_trade_no = ? AND product IN ('qr', 'order_code')", out_trade_no)


def door_closes_at(gateway: Gateway, offer: Offer) -> float | None:
    """When the buyer can no longer take the offer up; None when it stays open as long as no trade exists.

    A relative timeout of wap and app starts with the buyer's confirmation: before that nothing ends the offer.
    """
    if offer.product in _CODES:
        timer = offer.shown_at + offer.timeout if gateway.switches.qr_timer == "request" else offer.shown_at + _QR_LIFE
        return min(_deadline(gateway, offer) or timer, offer.shown_at + _QR_LIFE)
    if offer.time_expire is not None:
        return _deadline(gateway, offer)
    return _page_start(gateway, offer) + offer.timeout if offer.product == "page" else None


def trade_expires_at(gateway: Gateway, offer: Offer, created_at: float) -> float:
    """When an unpaid trade made from this offer closes."""
    deadline = _deadline(gateway, offer)
    if deadline is not None:
        return deadline
    if offer.product == "page":
        return _page_start(gateway, offer) + offer.timeout
    if offer.product in _CODES and gateway.switches.qr_timer == "request":
        return offer.shown_at + offer.timeout
    shortest = gateway.clock.scaled(_RELATIVE_MINIMUM.get(offer.product, 0))
    return created_at + max(offer.timeout, shortest)


def _page_start(gateway: Gateway, offer: Offer) -> float:
    return offer.shown_at if gateway.switches.page_timer == "restarts" else offer.first_shown_at


def _deadline(gateway: Gateway, offer: Offer) -> float | None:
    if offer.time_expire is None or gateway.switches.short_expiry != "minimum":
        return offer.time_expire
    return max(offer.time_expire, offer.first_shown_at + gateway.clock.scaled(_MINIMUM[offer.product]))


def _check_keys(gateway: Gateway, biz: Mapping[str, Any], terms: Terms) -> None:
    unknown = set(biz) - _COMMON_KEYS - terms.own_keys
    if unknown and gateway.switches.unknown_biz_keys == "refuse":
        raise fields.invalid(f"未知参数{sorted(unknown)[0]}")
    if biz.get("enable_pay_channels") and biz.get("disable_pay_channels"):
        raise fields.invalid("enable_pay_channels与disable_pay_channels互斥")
    goods = biz.get("goods_detail")
    if isinstance(goods, list) and len(goods) > 150:
        raise BusinessError("ACQ.SUB_GOODS_SIZE_MAX_COUNT", "子商品明细超长")


def _check_code(gateway: Gateway, biz: Mapping[str, Any], terms: Terms) -> None:
    code = fields.text(biz, "product_code", 64, required=not terms.default_code) or terms.default_code
    codes = gateway.switches.wap_product_codes if terms.product == "wap" else terms.codes
    if code not in codes:
        raise fields.invalid("product_code不合法")


def _offer(gateway: Gateway, call: Call, terms: Terms) -> Offer:
    biz, params, now = call.biz, call.params, gateway.clock.now()
    is_order_code = terms.product == "qr" and biz.get("product_code") == ORDER_CODE
    offer = Offer(
        token="",
        out_trade_no=fields.out_trade_no(biz),
        product="order_code" if is_order_code else terms.product,
        total_fen=fields.amount_fen(biz, "total_amount"),
        subject=fields.subject(biz),
        body=fields.text(biz, "body", 128),
        passback_params=fields.text(biz, "passback_params", 512),
        notify_url=_address(params, "notify_url", 256),
        return_url=_address(params, "return_url", 256) if terms.product in ("page", "wap") else "",
        quit_url=_address(biz, "quit_url", 400),
        charset=call.charset,
        certified=call.certified,
        time_expire=_time_expire(gateway, biz, terms, now),
        timeout=_timeout(biz, terms, now),
        first_shown_at=now,
        shown_at=now,
        installments=_installments(biz),
        buyer=fields.text(biz, "buyer_open_id", 128) or fields.text(biz, "buyer_id", 28)
        if terms.product == "mini"
        else "",
    )
    return Offer(**{**asdict(offer), "token": _token(gateway, offer, call)})


def _installments(biz: Mapping[str, Any]) -> str:
    """花呗分期: how many, and which part of the fee the seller bears."""
    more = biz.get("extend_params") or {}
    number = more.get("hb_fq_num", "") if isinstance(more, dict) else ""
    if not number:
        return ""
    if number not in _INSTALLMENTS or more.get("hb_fq_seller_percent") not in ("0", "100"):
        raise fields.invalid("花呗分期参数不合法")
    return str(number)


def _token(gateway: Gateway, offer: Offer, call: Call) -> str:
    """The same wishes give the same token; seconds of now are not part of them."""
    relative = call.biz.get("timeout_express"), call.biz.get("qr_code_timeout_express")
    wishes = {**asdict(offer), "first_shown_at": 0, "shown_at": 0, "timeout": relative}
    return hashlib.sha256(f"{gateway.signer.app_id}{sorted(wishes.items())}".encode()).hexdigest()[:24]


def _address(values: Mapping[str, Any], name: str, longest: int) -> str:
    value = fields.text(values, name, longest)
    if value and not value.startswith(("http://", "https://")):
        raise fields.invalid(f"{name}格式错误")
    return value


def _time_expire(gateway: Gateway, biz: Mapping[str, Any], terms: Terms, now: float) -> float | None:
    """The absolute deadline; it wins over any relative one."""
    deadline = fields.moment(biz, "time_expire")
    if deadline is None:
        return None
    if deadline <= now:
        raise BusinessError("ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "当前时间已超过允许支付的时间")
    soonest = now + gateway.clock.scaled(terms.minimum)
    if deadline > now + _AHEAD or (gateway.switches.short_expiry == "refuse" and deadline < soonest):
        raise fields.invalid("time_expire超出范围")
    return deadline


def _timeout(biz: Mapping[str, Any], terms: Terms, now: float) -> float:
    given = fields.duration(biz, "timeout_express", now)
    if terms.product == "qr":
        given = fields.duration(biz, "qr_code_timeout_express", now) or given
    return given or terms.timeout
