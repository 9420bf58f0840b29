"""What we ask of Alipay. Every call ends in one of three results: done, refused, or unknown."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from redis import Redis
from structlog import get_logger

from checkout import clock, money
from checkout.alipay import answers, keys
from checkout.alipay.certificates import Trust
from checkout.alipay.gate import Gate
from checkout.alipay.trade import Trade
from checkout.alipay.wire import CALL_SECONDS, NoAnswer, Unsigned, Wire
from checkout.metrics import measures
from checkout.orders.ledger import Payment
from checkout.settings import Settings
from checkout.settings.addresses import is_loopback, is_sandbox
from checkout.traces import context, spans

log = get_logger(__name__)

# opendocs.alipay.com: alipay.trade.page.pay, .wap.pay and .app.pay, field product_code.
_PRODUCTS = {
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "wap": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    "app": ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    "qr": ("alipay.trade.precreate", "FACE_TO_FACE_PAYMENT"),
    "order_code": ("alipay.trade.precreate", "QR_CODE_OFFLINE"),
    "mini": ("alipay.trade.create", "JSAPI_PAY"),
}
_IN_SUBJECT = re.compile(r"[/=&\x00-\x1f]")


@dataclass(frozen=True)
class Done:
    """Alipay did it; `fields` is its verified answer."""

    fields: dict[str, Any]


@dataclass(frozen=True)
class Refused:
    """Alipay did not do it, and says why: `code` is the sub_code without "ACQ."."""

    code: str
    message: str


@dataclass(frozen=True)
class Unknown:
    """Whether Alipay did it is not known; only a query can tell.

    `code` is what the gateway said without a signature, for who looks for a wrong setting. `is_foreign`: Alipay signed
    the answer, but it does not speak of what was asked, and a person should hear of it.
    """

    why: str
    code: str = ""
    is_foreign: bool = False
    was_sent: bool = True  # False: it never reached Alipay


Result = Done | Refused | Unknown

# The outcome is open although an answer came (opendocs.alipay.com, common/02km9f and the calls' error tables).
_OPEN_CODES = ("SYSTEM_ERROR", "REFUND_CHARGE_ERROR")


class Alipay:
    """One merchant's account at one gateway. Safe to share by threads and after a fork."""

    def __init__(self, settings: Settings, redis: Redis, call_seconds: float = CALL_SECONDS) -> None:
        self._gate = Gate(redis)
        self.app_id = settings.alipay_app_id
        self.seller_id = settings.alipay_seller_id
        self.keys = keys.load(settings)
        self.trust = Trust(self.keys, redis, is_sandbox=is_sandbox(settings.alipay_gateway_url))
        self.bill_domains = settings.alipay_bill_domains
        self.is_local = is_loopback(settings.alipay_gateway_url)
        self._shop_url = settings.shop_url
        self._return_url = f"{settings.public_url}/v1/alipay/return"
        self._notify_url = f"{settings.public_url}/v1/alipay/notify"
        self._wire = Wire(
            self.app_id, self.keys, self.trust, settings.alipay_gateway_url, self._notify_url, call_seconds
        )

    def pay_url(self, payment: Payment, pay_before: datetime, reference: str = "") -> str:
        """The signed cashier address of a page or wap attempt; always the same text for the same attempt."""
        method, common = self._signed_payment(payment, pay_before)
        bill = self._bill(payment, pay_before, reference)
        return self._wire.link(method, bill, return_url=self._return_url, **common)

    def order_string(self, payment: Payment, pay_before: datetime, reference: str = "") -> str:
        """What the app hands to Alipay's client SDK."""
        method, common = self._signed_payment(payment, pay_before)
        return str(self._wire.client_api(method, self._bill(payment, pay_before, reference), **common))

    def _signed_payment(self, payment: Payment, pay_before: datetime) -> tuple[str, dict[str, str]]:
        method, _ = _PRODUCTS[payment.method or "page"]
        return method, {"timestamp": clock.beijing(payment.offered_at or pay_before)}

    def _bill(self, payment: Payment, pay_before: datetime, reference: str) -> dict[str, Any]:
        product = _PRODUCTS[payment.method or "page"][1]
        more: dict[str, Any] = {"body": _IN_SUBJECT.sub(" ", reference)} if reference else {}
        if payment.installments:  # 花呗分期; the buyer bears its fee (opendocs, extend_params).
            more["extend_params"] = {"hb_fq_num": str(payment.installments), "hb_fq_seller_percent": "0"}
        if payment.method == "wap":  # Where a phone's browser goes that leaves the cashier (opendocs, wap.pay).
            more["quit_url"] = f"{self._shop_url}/orders/{payment.order_id}"
        return more | {
            "out_trade_no": payment.out_trade_no,
            "total_amount": money.yuan(payment.amount_fen),
            "subject": _IN_SUBJECT.sub(" ", f"订单 {payment.order_id}")[:256],
            "product_code": product,
            "time_expire": clock.beijing(pay_before),
        }

    def precreate(self, payment: Payment, pay_before: datetime, reference: str = "") -> Result:
        """Asks for a QR code; `fields["qr_code"]`."""
        return self._call("alipay.trade.precreate", self._bill(payment, pay_before, reference))

    def create(self, payment: Payment, pay_before: datetime, reference: str = "") -> Result:
        """Makes the trade of a mini-program; `fields["trade_no"]`. The same again is the same trade."""
        buyer = {"buyer_open_id": payment.buyer_open_id, "buyer_id": payment.buyer_id}
        known = {name: value for name, value in buyer.items() if value}
        bill = self._bill(payment, pay_before, reference) | {"op_app_id": self.app_id} | known
        return self._call("alipay.trade.create", bill)

    def query(self, out_trade_no: str, trade_no: str | None = None) -> Result:
        """What Alipay knows of the trade; `trade` reads the fields."""
        return self._call("alipay.trade.query", {"out_trade_no": out_trade_no}, trade_no)

    def close(self, out_trade_no: str, trade_no: str | None = None) -> Result:
        """Closes a trade that nobody has paid."""
        return self._call("alipay.trade.close", {"out_trade_no": out_trade_no}, trade_no)

    def refund(
        self, out_trade_no: str, out_request_no: str, amount_fen: int, reason: str, trade_no: str | None = None
    ) -> Result:
        """Sends money back. A retry must repeat number and amount; `fields["fund_change"] == "Y"`: it moved."""
        bill = {
            "out_trade_no": out_trade_no,
            "out_request_no": out_request_no,
            "refund_amount": money.yuan(amount_fen),
            "refund_reason": reason[:256] or "refund",
        }
        return self._call("alipay.trade.refund", bill, trade_no)

    def refund_query(self, out_trade_no: str, out_request_no: str, trade_no: str | None = None) -> Result:
        """Whether that refund has moved money; `refunded_fen` reads the fields."""
        bill = {"out_trade_no": out_trade_no, "out_request_no": out_request_no}
        return self._call("alipay.trade.fastpay.refund.query", bill, trade_no)

    def bill_url(self, day: date) -> Result:
        """Where the bill of that Beijing day lies for 30 seconds: `fields["bill_download_url"]`; `bill` reads it."""
        bill = {"bill_type": "trade", "bill_date": day.isoformat()}
        return self._call("alipay.data.dataservice.bill.downloadurl.query", bill)

    def _call(self, method: str, bill: dict[str, Any], trade_no: str | None = None) -> Result:
        if not self._gate.enter():
            measures.alipay_held_back.add(method)
            return Unknown("not asked: Alipay does not answer, or too many ask", was_sent=False)
        began = time.monotonic()
        try:
            with spans.span(method, "CLIENT", context.current.get()):
                fields = self._wire.call(method, bill)
        except Unsigned as error:
            result: Result = Unknown(str(error), error.named)
            self._gate.answered(method, "unsigned", time.monotonic() - began, failed=False)
        except NoAnswer as error:
            result = Unknown(str(error), was_sent=error.was_sent)
            self._gate.answered(method, "no_answer", time.monotonic() - began, failed=True)
        else:
            result = _result(method, bill | ({"trade_no": trade_no} if trade_no else {}), fields)
            self._gate.answered(method, type(result).__name__.lower(), time.monotonic() - began, failed=False)
        number = bill.get("out_request_no") or bill.get("out_trade_no") or bill.get("bill_date")
        log.info("alipay_call", method=method, number=number, result=type(result).__name__, why=_why(result))
        return result


def _result(method: str, asked: dict[str, Any], fields: dict[str, Any]) -> Result:
    code = _printable(fields.get("code"))
    sub_code = _printable(fields.get("sub_code")).removeprefix("ACQ.").removeprefix("AQC.")
    if fault := answers.fault(method, asked, fields, done=code == "10000"):
        return Unknown(f"Alipay's answer does not fit what was asked: {fault}", is_foreign=True)
    if code == "10000":
        return Done(fields)
    if code == "20000" or sub_code in _OPEN_CODES:
        return Unknown(sub_code or code)
    return Refused(sub_code or code, _printable(fields.get("sub_msg") or fields.get("msg")))


def _printable(value: object) -> str:
    """Text for logs and tables, whatever the answer holds there."""
    text = value[:200] if isinstance(value, str) else ""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _why(result: Result) -> str | None:
    if isinstance(result, Done):
        return None
    return result.code if isinstance(result, Refused) else result.why


def trade(fields: dict[str, Any]) -> Trade:
    """The trade of a query's answer, whose members were checked."""
    sent, status, total_fen = fields.get("send_pay_date"), fields["trade_status"], money.fen(fields["total_amount"])
    return Trade(
        out_trade_no=fields["out_trade_no"],
        trade_no=fields["trade_no"],
        status=status,
        total_fen=total_fen,
        created_at=clock.from_beijing(sent) if sent else None,
        # Alipay closes what was paid only when all of it has gone back.
        refunded_fen=total_fen if sent and status == "TRADE_CLOSED" else None,
    )


def refunded_fen(answer: Result, out_request_no: str) -> int | None:
    """How much has gone back under that number, by the answer to a refund query; None: it does not say.

    `REFUND_SUCCESS` says so; an older form has the amount alone. Without number and amount nothing is proven.
    """
    fields = answer.fields if isinstance(answer, Done) else {}
    if fields.get("out_request_no") != out_request_no or "refund_amount" not in fields:
        return None
    has_moved = fields.get("refund_status", "REFUND_SUCCESS") == "REFUND_SUCCESS"
    return (money.fen(fields["refund_amount"]) or None) if has_moved else None
