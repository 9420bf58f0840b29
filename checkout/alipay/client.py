"""What we ask of Alipay. Every call ends in one of three results: done, refused, or unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from redis import Redis
from structlog import get_logger

from checkout import clock, money
from checkout.alipay import keys
from checkout.alipay.certificates import Trust
from checkout.alipay.gate import Gate
from checkout.alipay.trade import Trade
from checkout.alipay.wire import NoAnswer, Wire
from checkout.errors import CheckoutError
from checkout.orders.ledger import Payment
from checkout.settings import Settings

log = get_logger(__name__)

# opendocs.alipay.com: alipay.trade.page.pay, .wap.pay and .app.pay, field product_code.
_PRODUCTS = {
    "page": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "wap": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    "app": ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
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
    """Whether Alipay did it is not known; only a query can tell."""

    why: str


Result = Done | Refused | Unknown

# The outcome is open although an answer came (opendocs.alipay.com, common/02km9f and the calls' error tables).
_OPEN_CODES = ("SYSTEM_ERROR", "REFUND_CHARGE_ERROR")


class Alipay:
    """One merchant's account at one gateway. Safe to share by threads and after a fork."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._gate = Gate(redis)
        self.app_id = settings.alipay_app_id
        self.seller_id = settings.alipay_seller_id
        self.keys = keys.load(settings)
        self.trust = Trust(self.keys, redis)
        self._return_url = f"{settings.public_url}/v1/alipay/return"
        self._notify_url = f"{settings.public_url}/v1/alipay/notify"
        self._wire = Wire(self.app_id, self.keys, self.trust, settings.alipay_gateway_url, self._notify_url)

    def pay_url(self, payment: Payment, pay_before: datetime) -> str:
        """The signed cashier address of a page or wap attempt; always the same text for the same attempt."""
        method, common = self._signed_payment(payment, pay_before)
        return self._wire.link(method, self._bill(payment, pay_before), return_url=self._return_url, **common)

    def order_string(self, payment: Payment, pay_before: datetime) -> str:
        """What the app hands to Alipay's client SDK."""
        method, common = self._signed_payment(payment, pay_before)
        return str(self._wire.client_api(method, self._bill(payment, pay_before), **common))

    def _signed_payment(self, payment: Payment, pay_before: datetime) -> tuple[str, dict[str, str]]:
        method, _ = _PRODUCTS[payment.method or "page"]
        return method, {"timestamp": clock.beijing(payment.offered_at or pay_before)}

    def _bill(self, payment: Payment, pay_before: datetime) -> dict[str, str]:
        product = _PRODUCTS.get(payment.method or "page", ("", "FACE_TO_FACE_PAYMENT"))[1]
        return {
            "out_trade_no": payment.out_trade_no,
            "total_amount": money.yuan(payment.amount_fen),
            "subject": _IN_SUBJECT.sub(" ", f"订单 {payment.order_id}")[:256],
            "product_code": product,
            "time_expire": clock.beijing(pay_before),
        }

    def precreate(self, payment: Payment, pay_before: datetime) -> Result:
        """Asks for a QR code; `fields["qr_code"]`."""
        return self._call("alipay.trade.precreate", self._bill(payment, pay_before))

    def query(self, out_trade_no: str) -> Result:
        """What Alipay knows of the trade; `trade` reads the fields."""
        return self._call("alipay.trade.query", {"out_trade_no": out_trade_no})

    def close(self, out_trade_no: str) -> Result:
        """Closes a trade that nobody has paid."""
        return self._call("alipay.trade.close", {"out_trade_no": out_trade_no})

    def refund(self, out_trade_no: str, out_request_no: str, amount_fen: int, reason: str) -> Result:
        """Sends money back. A retry must repeat number and amount; `fields["fund_change"] == "Y"`: it moved."""
        bill = {
            "out_trade_no": out_trade_no,
            "out_request_no": out_request_no,
            "refund_amount": money.yuan(amount_fen),
            "refund_reason": reason[:256] or "refund",
        }
        return self._call("alipay.trade.refund", bill)

    def refund_query(self, out_trade_no: str, out_request_no: str) -> Result:
        """Whether that refund has moved money: `fields["refund_status"] == "REFUND_SUCCESS"`."""
        bill = {"out_trade_no": out_trade_no, "out_request_no": out_request_no}
        return self._call("alipay.trade.fastpay.refund.query", bill)

    def bill_url(self, day: date) -> Result:
        """Where the bill of that Beijing day lies for 30 seconds: `fields["bill_download_url"]`; `bill` reads it."""
        bill = {"bill_type": "trade", "bill_date": day.isoformat()}
        return self._call("alipay.data.dataservice.bill.downloadurl.query", bill)

    def _call(self, method: str, bill: dict[str, str]) -> Result:
        if not self._gate.enter():
            return Unknown("not asked: Alipay does not answer, or too many ask")
        try:
            fields = self._wire.call(method, bill)
        except NoAnswer as error:
            result: Result = Unknown(str(error))
            self._gate.answered(method, "no_answer", failed=True)
        else:
            result = _result(fields)
            self._gate.answered(method, type(result).__name__.lower(), failed=False)
        number = bill.get("out_request_no") or bill.get("out_trade_no") or bill.get("bill_date")
        log.info("alipay_call", method=method, number=number, result=type(result).__name__, why=_why(result))
        return result


def _result(fields: dict[str, Any]) -> Result:
    code = str(fields.get("code"))
    sub_code = str(fields.get("sub_code", "")).removeprefix("ACQ.").removeprefix("AQC.")
    if code == "10000":
        return Done(fields)
    if code == "20000" or sub_code in _OPEN_CODES:
        return Unknown(sub_code or code)
    return Refused(sub_code or code, str(fields.get("sub_msg") or fields.get("msg") or "")[:200])


def _why(result: Result) -> str | None:
    if isinstance(result, Done):
        return None
    return result.code if isinstance(result, Refused) else result.why


class ForeignAnswer(CheckoutError):
    """A signed answer that does not fit what was asked."""

    code = "alipay_foreign"


def trade(fields: dict[str, Any]) -> Trade:
    """The trade of a query's answer. Raises ForeignAnswer when a field is not what the protocol says."""
    try:
        sent, status = fields.get("send_pay_date"), str(fields["trade_status"])
        total_fen = money.fen(str(fields["total_amount"]))
        return Trade(
            out_trade_no=str(fields["out_trade_no"]),
            trade_no=str(fields["trade_no"]),
            status=status,
            total_fen=total_fen,
            created_at=clock.from_beijing(str(sent)) if sent else None,
            # Alipay closes what was paid only when all of it has gone back.
            refunded_fen=total_fen if sent and status == "TRADE_CLOSED" else None,
        )
    except (KeyError, ValueError) as error:
        raise ForeignAnswer("the answer to a query lacks what the protocol promises") from error
