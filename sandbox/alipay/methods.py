"""The methods that a merchant's server calls, each as a function from a call to the body of its answer."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.alipay import bills, clock, fields, late_buyers, offers, refunds, trades
from sandbox.alipay.fields import yuan
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.model import BUYER_ID, BUYER_LOGON_ID, BUYER_OPEN_ID, CLOSED, FINISHED, WAITING, Trade
from sandbox.alipay.wire import BusinessError, Call

Body = dict[str, Any]
_CANCEL_WITHIN = 86400
_USER_ID = re.compile("2088[0-9]{12}")
_OPEN_ID = re.compile("[0-9A-Za-z_-]{1,128}")


def precreate(gateway: Gateway, call: Call) -> Body:
    """A QR code that leads to the local cashier; the trade is born when it is scanned."""
    if gateway.switches.qr_repeat == "refuse" and offers.was_shown(gateway, fields.out_trade_no(call.biz)):
        raise BusinessError("ACQ.APPLY_PC_MERCHANT_CODE_ERROR", "申请二维码失败")
    offer = trades.show(gateway, call)
    return {"out_trade_no": offer.out_trade_no, "qr_code": f"{gateway.base_url}/qr/{offer.token}"}


def create(gateway: Gateway, call: Call) -> Body:
    """A trade for a buyer whom the merchant names, as mini-programs need it; it exists at once."""
    _check_buyer(gateway, call.biz)
    return _names(trades.create(gateway, call))


def _check_buyer(gateway: Gateway, biz: Mapping[str, Any]) -> None:
    user_id, open_id = fields.text(biz, "buyer_id", 28), fields.text(biz, "buyer_open_id", 128)
    if not user_id and not open_id:
        raise fields.invalid("buyer_id和buyer_open_id不能同时为空")
    if user_id == gateway.signer.seller_id:
        raise BusinessError("ACQ.BUYER_SELLER_EQUAL", "买卖家不能相同")
    if (user_id and not _USER_ID.fullmatch(user_id)) or (open_id and not _OPEN_ID.fullmatch(open_id)):
        raise fields.invalid("买家账号不合法")
    if biz.get("product_code") == "JSAPI_PAY" and not fields.text(biz, "op_app_id", 32):
        raise fields.invalid("op_app_id不能为空")


def _buyer(gateway: Gateway) -> Body:
    """Apps of today learn OpenIDs alone."""
    known = {"open_id": {"buyer_open_id": BUYER_OPEN_ID}, "user_id": {"buyer_user_id": BUYER_ID}}
    ids: Body = known.get(gateway.switches.buyer_ids, known["open_id"] | known["user_id"])
    return {"buyer_logon_id": BUYER_LOGON_ID} | ids


def query(gateway: Gateway, call: Call) -> Body:
    trade = trades.named(gateway, call.biz)
    body = (_names(trade) | _buyer(gateway)) | {
        "trade_status": trade.status,
        "total_amount": yuan(trade.total_fen),
    }
    paid = yuan(trade.total_fen if trade.paid_at else 0)
    body |= {"buyer_pay_amount": paid, "receipt_amount": paid, "invoice_amount": paid, "point_amount": "0.00"}
    if trade.installments:
        body["hb_fq_pay_info"] = {"user_install_num": trade.installments}
    if trade.passback_params:
        body["passback_params"] = trade.passback_params
    if trade.paid_at:
        body["send_pay_date"] = clock.written(trade.paid_at)
        if "fund_bill_list" in _options(call):
            body["fund_bill_list"] = [{"amount": paid, "fund_channel": "ALIPAYACCOUNT"}]
    return body


def close(gateway: Gateway, call: Call) -> Body:
    """Closes an unpaid trade. Without a trade it refuses, and the offer stays payable."""
    order = order_of(gateway, call)
    if gateway.faults.draw("buyer_pays_before_close", method=call.method, out_trade_no=order):
        late_buyers.pay_now(gateway, order)
    try:
        return _close(gateway, call)
    except BusinessError as refusal:
        if refusal.sub_code == "ACQ.TRADE_NOT_EXIST":
            rule = gateway.faults.draw("buyer_pays_after_close", method=call.method, out_trade_no=order)
            if rule:
                late_buyers.expect(gateway, order, rule.seconds)
        raise


def _close(gateway: Gateway, call: Call) -> Body:
    with gateway.store.transaction():
        trade = trades.named(gateway, call.biz)
        if trade.status != WAITING:
            raise BusinessError("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        return _names(trades.close(gateway, trade))


def cancel(gateway: Gateway, call: Call) -> Body:
    """Undoes whatever there is: closes an unpaid trade, refunds a paid one, accepts that there is none."""
    with gateway.store.transaction():
        try:
            trade = trades.named(gateway, call.biz)
        except BusinessError as refusal:
            if refusal.sub_code != "ACQ.TRADE_NOT_EXIST":
                raise
            return _cancel_nothing(gateway, call)
        action = "refund" if trade.paid_at else "close"
        if trade.status == WAITING:
            trade = trades.close(gateway, trade)
        elif trade.status != CLOSED:
            _cancel_paid(gateway, trade)
        return _names(trade) | {"retry_flag": "N", "action": action}


def _cancel_nothing(gateway: Gateway, call: Call) -> Body:
    order = fields.text(call.biz, "out_trade_no", 64)
    if gateway.switches.cancel_kills_unscanned_qr:
        offers.withdraw(gateway, order)
    return {"out_trade_no": order, "retry_flag": "N"}


def _cancel_paid(gateway: Gateway, trade: Trade) -> None:
    if trade.status == FINISHED:
        raise BusinessError("ACQ.TRADE_HAS_FINISHED", "交易已经完结")
    if gateway.clock.now() - trade.created_at > _CANCEL_WITHIN:
        raise BusinessError("ACQ.TRADE_CANCEL_TIME_OUT", "交易撤销超时")
    if refunds.of_trade(gateway, trade):
        raise BusinessError("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额错误")
    refunds.refund(gateway, trade, trade.total_fen)


def refund(gateway: Gateway, call: Call) -> Body:
    """Gives money back once per `out_request_no`; a repetition tells what stands and moves nothing."""
    amount_fen = fields.amount_fen(call.biz, "refund_amount", "退款金额")
    out_request_no = fields.text(call.biz, "out_request_no", 64)
    reason = fields.text(call.biz, "refund_reason", 256)
    order = order_of(gateway, call)
    trade = trades.named(gateway, call.biz)
    known = refunds.find(gateway, trade, out_request_no or trade.out_trade_no)
    pending = None
    if known is None:
        if gateway.faults.draw("seller_balance_not_enough", method=call.method, out_trade_no=order):
            raise BusinessError("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足")
        rule = gateway.faults.draw("refund_pending", method=call.method, out_trade_no=order)
        pending = refunds.settling_seconds(gateway, rule.seconds) if rule else None
    done, moved = refunds.refund(gateway, trade, amount_fen, out_request_no, reason, pending=pending)
    body = _names(trade) | _buyer(gateway) | {"send_back_fee": "0.00"}
    body |= refunds.answer(trades.read(gateway, trade.trade_no), moved)
    if done.done_at:
        body["gmt_refund_pay"] = clock.written(done.done_at)
        if "refund_detail_item_list" in _options(call):
            body |= {"send_back_fee": yuan(done.amount_fen), "refund_detail_item_list": _items(done.amount_fen)}
    return body


def refund_query(gateway: Gateway, call: Call) -> Body:
    """A request number that is unknown, or whose money has not moved, is a success without refund data."""
    out_request_no = fields.text(call.biz, "out_request_no", 64, required=True)
    trade = trades.named(gateway, call.biz)
    found = refunds.find(gateway, trade, out_request_no)
    if found is None or found.done_at is None:
        return {}
    body = _names(trade) | {
        "out_request_no": found.out_request_no,
        "total_amount": yuan(trade.total_fen),
        "refund_amount": yuan(found.amount_fen),
        "refund_status": "REFUND_SUCCESS",
    }
    if "gmt_refund_pay" in _options(call):
        body["gmt_refund_pay"] = clock.written(found.done_at)
    if "refund_detail_item_list" in _options(call):
        body |= {"send_back_fee": yuan(found.amount_fen), "refund_detail_item_list": _items(found.amount_fen)}
    return body


def bill_url(gateway: Gateway, call: Call) -> Body:
    return bills.offer_download(gateway, call.biz)


def download_certificate(gateway: Gateway, call: Call) -> Body:
    """After a rotation: Alipay's certificate of the serial number that an answer named."""
    content = gateway.signer.certificate(fields.text(call.biz, "alipay_cert_sn", 64, required=True))
    if content is None:
        raise fields.invalid("alipay_cert_sn不存在")
    return {"alipay_cert_content": base64.b64encode(content).decode()}


METHODS: dict[str, Callable[[Gateway, Call], Body]] = {
    "alipay.trade.create": create,
    "alipay.trade.precreate": precreate,
    "alipay.trade.query": query,
    "alipay.trade.close": close,
    "alipay.trade.cancel": cancel,
    "alipay.trade.refund": refund,
    "alipay.trade.fastpay.refund.query": refund_query,
    "alipay.data.dataservice.bill.downloadurl.query": bill_url,
    "alipay.open.app.alipaycert.download": download_certificate,
}


def _names(trade: Trade) -> Body:
    return {"trade_no": trade.trade_no, "out_trade_no": trade.out_trade_no}


def _items(fen: int) -> list[Body]:
    return [{"amount": yuan(fen), "fund_channel": "ALIPAYACCOUNT"}]


def _options(call: Call) -> list[Any]:
    options = call.biz.get("query_options")
    return options if isinstance(options, list) else []


def order_of(gateway: Gateway, call: Call) -> str:
    """The merchant's number of the order that a call is about; empty when it is about none."""
    trade_no = fields.text(call.biz, "trade_no", 64)
    trade = trades.by_trade_no(gateway, trade_no) if trade_no else None
    return trade.out_trade_no if trade else fields.text(call.biz, "out_trade_no", 64)
