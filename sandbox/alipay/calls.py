"""One call of a merchant's server: checked, executed, answered, with the faults that were asked for."""

from collections.abc import Mapping
from typing import Any

from sandbox.alipay import methods, wire
from sandbox.alipay.faults import Fault, Rule
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.wire import AlipayError, BusinessError, Call

_NOT_EXECUTED: tuple[Fault, ...] = (
    "call_limited",
    "bad_gateway",
    "unknown_error_not_executed",
    "system_error_not_executed",
    "timeout_not_executed",
)
_EXECUTED: tuple[Fault, ...] = ("unknown_error_executed", "system_error_executed", "timeout_executed")
_HOLD, _LONGEST_HOLD = 30.0, 120.0


class SilenceError(Exception):
    """The merchant gets no answer: the connection ends after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer after {seconds} s")
        self.seconds = seconds


class BadGatewayError(Exception):
    """The merchant gets a proxy's error page."""


def answer(gateway: Gateway, params: Mapping[str, str]) -> dict[str, Any]:
    """The body of the answer; raises SilenceError or BadGatewayError where a fault leaves the merchant without one."""
    try:
        call = wire.check(gateway, params)
        return {"code": "10000", "msg": wire.MESSAGES["10000"], **_execute(gateway, call)}
    except AlipayError as refusal:
        return refusal.body | _nothing(params, refusal)


def _nothing(params: Mapping[str, str], refusal: AlipayError) -> dict[str, Any]:
    """A query that finds no trade tells amounts all the same."""
    if params.get("method") != "alipay.trade.query" or refusal.sub_code != "ACQ.TRADE_NOT_EXIST":
        return {}
    return dict.fromkeys(("buyer_pay_amount", "invoice_amount", "point_amount", "receipt_amount"), "0.00")


def _execute(gateway: Gateway, call: Call) -> dict[str, Any]:
    if call.method not in methods.METHODS:
        raise AlipayError("40002", "isv.invalid-method", "不存在的方法名")
    order = methods.order_of(gateway, call)
    before = gateway.faults.draw(*_NOT_EXECUTED, method=call.method, out_trade_no=order)
    if before:
        _break(before)
    outcome = _outcome(gateway, call)
    after = gateway.faults.draw(*_EXECUTED, method=call.method, out_trade_no=order)
    if after:
        _break(after)
    if isinstance(outcome, AlipayError):
        raise outcome
    return outcome


def _outcome(gateway: Gateway, call: Call) -> dict[str, Any] | AlipayError:
    try:
        return methods.METHODS[call.method](gateway, call)
    except AlipayError as refusal:
        return refusal


def _break(rule: Rule) -> None:
    if rule.fault == "call_limited":
        raise AlipayError("40005", "isv.app-call-limited", "应用调用次数超限")
    if rule.fault == "bad_gateway":
        raise BadGatewayError
    if rule.fault.startswith("timeout"):
        wanted = _HOLD if rule.seconds is None else min(rule.seconds, _LONGEST_HOLD)
        raise SilenceError(wanted if rule.how == "hold" else 0.0)
    if rule.fault.startswith("unknown_error"):
        raise AlipayError("20000", "isp.unknow-error", "系统繁忙")
    raise BusinessError("ACQ.SYSTEM_ERROR", "系统错误")
