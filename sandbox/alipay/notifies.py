"""Asynchronous notifies: which events send one, what it says, and the queue it waits in."""

import json
import secrets

from sandbox.alipay import clock
from sandbox.alipay.faults import Rule
from sandbox.alipay.fields import yuan
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.model import BUYER_ID, BUYER_LOGON_ID, BUYER_OPEN_ID, Refund, Trade

# Which product announces which status, as the sources of three years tell it.
_TRIGGERS: dict[str, dict[str, set[str]]] = {
    "2019": {
        "qr": {"TRADE_SUCCESS"},
        "order_code": {"TRADE_SUCCESS"},
        "mini": {"TRADE_SUCCESS"},
        "app": {"TRADE_SUCCESS", "TRADE_CLOSED", "TRADE_FINISHED"},
        "wap": {"TRADE_SUCCESS", "TRADE_CLOSED"},
        "page": {"TRADE_SUCCESS"},
    },
    "2021": {
        "qr": {"TRADE_SUCCESS"},
        "order_code": {"TRADE_SUCCESS"},
        "mini": {"TRADE_SUCCESS"},
        "app": {"TRADE_SUCCESS", "TRADE_CLOSED", "TRADE_FINISHED"},
        "wap": {"TRADE_SUCCESS", "TRADE_CLOSED", "TRADE_FINISHED"},
        "page": {"TRADE_SUCCESS"},
    },
    "2026": {product: {"TRADE_SUCCESS"} for product in ("qr", "order_code", "mini", "app", "wap", "page")},
}
_LATENESS, _REORDER_LIMIT = 5.0, 10.0


def announce(gateway: Gateway, trade: Trade) -> None:
    """Queue the notify of the trade's new status, if its product sends one."""
    if trade.status in _TRIGGERS[gateway.switches.triggers][trade.product]:
        _queue(gateway, trade, trade.status, _params(gateway, trade))


def announce_refund(gateway: Gateway, trade: Trade, refund: Refund) -> None:
    """Queue the notify of a refund: the trade's status after it, plus the refund's fields."""
    rule = gateway.switches.refund_notifies
    told = trade.status in _TRIGGERS[gateway.switches.triggers][trade.product]
    if rule == "always" or (rule == "by_triggers" and told):
        done_at = refund.done_at or gateway.clock.now()
        extra = {
            "refund_fee": yuan(trade.refunded_fen),
            "send_back_fee": yuan(refund.amount_fen),
            "gmt_refund": f"{clock.written(done_at)}.{int(done_at * 1000) % 1000:03}",
            "out_biz_no": refund.out_request_no,
        }
        _queue(gateway, trade, "REFUND", _params(gateway, trade) | extra)


def _queue(gateway: Gateway, trade: Trade, event: str, params: dict[str, str]) -> None:
    if not trade.notify_url:
        return
    draw, order, now = gateway.faults.draw, trade.out_trade_no, gateway.clock.real()
    lost = draw("notify_lost", out_trade_no=order)
    late = draw("notify_late", out_trade_no=order)
    doubled = draw("notify_doubled", out_trade_no=order)
    held = draw("notify_reordered", out_trade_no=order)
    delay = _seconds(held, _REORDER_LIMIT) if held else _seconds(late, _LATENESS) if late else 0.0
    gateway.store.insert(
        "notifies",
        notify_id=_notify_id(gateway),
        trade_no=trade.trade_no,
        event=event,
        params=json.dumps(params, ensure_ascii=False),
        state="lost" if lost else "due",
        held=held is not None,
        copies=doubled.copies if doubled else 1,
        made_at=now,
        due_at=now + delay,
    )


def _seconds(rule: Rule, default: float) -> float:
    return default if rule.seconds is None else rule.seconds


def _notify_id(gateway: Gateway) -> str:
    return f"{clock.beijing(gateway.clock.now()):%Y%m%d00222%H%M%S}{secrets.randbelow(10**15):015}"


def _params(gateway: Gateway, trade: Trade) -> dict[str, str]:
    """What real notifies carry; the sender adds `notify_time` and `sign`. Empty values are left out altogether."""
    everything = {
        "notify_type": "trade_status_sync",
        "app_id": gateway.signer.app_id,
        "auth_app_id": gateway.signer.app_id,
        "merchant_app_id": gateway.signer.app_id,
        "charset": _charset(gateway, trade),
        "version": "1.0",
        "sign_type": "RSA2",
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "trade_status": trade.status,
        "seller_id": gateway.signer.seller_id,
        "total_amount": yuan(trade.total_fen),
        "subject": trade.subject,
        "body": trade.body,
        "passback_params": trade.passback_params,
        "gmt_create": clock.written(trade.created_at),
        "gmt_close": clock.written(trade.closed_at) if trade.closed_at else "",
        "hb_fq_pay_info": _installments(trade),
        **_payment(gateway, trade),
    }
    return {name: value for name, value in everything.items() if value}


def _charset(gateway: Gateway, trade: Trade) -> str:
    return "GBK" if gateway.switches.notify_charset == "gbk" else trade.charset


def _installments(trade: Trade) -> str:
    told = {"user_install_num": trade.installments} if trade.installments and trade.paid_at else {}
    return json.dumps(told, separators=(",", ":")) if told else ""


def _buyer(gateway: Gateway) -> dict[str, str]:
    """Apps of today learn OpenIDs alone."""
    ids = {"open_id": {"buyer_open_id": BUYER_OPEN_ID}, "user_id": {"buyer_id": BUYER_ID}}
    known = ids.get(gateway.switches.buyer_ids, ids["open_id"] | ids["user_id"])
    return {"buyer_logon_id": BUYER_LOGON_ID} | known


def _payment(gateway: Gateway, trade: Trade) -> dict[str, str]:
    buyer = _buyer(gateway)
    if trade.paid_at is None:
        return buyer
    amount = yuan(trade.total_fen)
    return buyer | {
        "gmt_payment": clock.written(trade.paid_at),
        "receipt_amount": amount,
        "invoice_amount": amount,
        "buyer_pay_amount": amount,
        "point_amount": "0.00",
        "fund_bill_list": json.dumps([{"amount": amount, "fundChannel": "ALIPAYACCOUNT"}], separators=(",", ":")),
    }
