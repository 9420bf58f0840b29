"""The cashier: what a browser does between the merchant's payment link and the way back to his shop."""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

import falcon

from sandbox.alipay import clock, fields, offers, pages, trades, wire
from sandbox.alipay.fields import yuan
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.model import Trade
from sandbox.alipay.offers import Offer
from sandbox.alipay.wire import AlipayError, BusinessError

BROWSER_METHODS = ("alipay.trade.page.pay", "alipay.trade.wap.pay", "alipay.trade.app.pay")
_RETURN_METHODS = {"page": "alipay.trade.page.pay.return", "wap": "alipay.trade.wap.pay.return"}


def open_request(gateway: Gateway, params: Mapping[str, str]) -> Offer:
    """Check a signed payment request of a browser or an app and remember its offer; raises AlipayError."""
    call = wire.check(gateway, params)
    if call.method not in BROWSER_METHODS:
        raise AlipayError("40002", "isv.invalid-method", "不存在的方法名")
    return trades.show(gateway, call)


def open_address(gateway: Gateway, address: str) -> Offer:
    """The offer behind a payment link, an app's order string, a QR code's content or a cashier address."""
    try:
        parts = urlsplit(address)
    except ValueError:
        raise fields.invalid("地址格式错误") from None
    kind, _, rest = parts.path.strip("/").partition("/")
    if kind in ("qr", "cashier") and rest:
        return offers.find(gateway, rest.partition("/")[0])
    query = parts.query or address
    return open_request(gateway, wire.read_params(query.encode(), b""))


def return_address(gateway: Gateway, offer: Offer, trade: Trade) -> str | None:
    """The merchant's return_url with Alipay's signed parameters; None when there is none to go to."""
    method = _RETURN_METHODS.get(offer.product)
    if not offer.return_url or method is None:
        return None
    params = {
        "app_id": gateway.signer.app_id,
        "auth_app_id": gateway.signer.app_id,
        "method": method,
        "charset": offer.charset,
        "sign_type": "RSA2",
        "timestamp": clock.written(gateway.clock.now()),
        "version": "1.0",
        "out_trade_no": trade.out_trade_no,
        "trade_no": trade.trade_no,
        "total_amount": yuan(trade.total_fen),
        "seller_id": gateway.signer.seller_id,
    }
    params["sign"] = gateway.signer.sign_params(params, offer.charset, bool(offer.certified))
    base, _, fragment = offer.return_url.partition("#")
    joint = "&" if parse_qs(urlsplit(base).query, keep_blank_values=True) else "?"
    return f"{base.rstrip('?&')}{joint}{urlencode(params, encoding=offer.charset)}{'#' + fragment if fragment else ''}"


def show(gateway: Gateway, offer: Offer, resp: falcon.Response) -> None:
    """The cashier of an offer that can still be paid; raises BusinessError for any other."""
    trade = trades.check_payable(gateway, offer)
    if trade is None:
        trades.check_door(gateway, offer)
    ends_at = trade.expires_at if trade else offers.door_closes_at(gateway, offer)
    resp.content_type = "text/html;charset=utf-8"
    resp.text = pages.cashier(offer, trade, ends_at, gateway.clock.now())


def refuse(refusal: AlipayError, resp: falcon.Response) -> None:
    resp.content_type = "text/html;charset=GBK"
    resp.data = pages.failure(refusal.sub_code, refusal.sub_msg)


class CashierPage:
    """GET shows the cashier of an offer; a QR code leads here too."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def on_get(self, _req: falcon.Request, resp: falcon.Response, token: str) -> None:
        try:
            show(self._gateway, offers.find(self._gateway, token), resp)
        except BusinessError as refusal:
            refuse(refusal, resp)


class CashierStep:
    """POST login, pay or leave: one step of the buyer, answered with a redirect."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def on_post_login(self, _req: falcon.Request, resp: falcon.Response, token: str) -> None:
        try:
            trades.log_in(self._gateway, token)
        except BusinessError as refusal:
            return refuse(refusal, resp)
        raise falcon.HTTPSeeOther(f"/cashier/{token}")

    def on_post_pay(self, _req: falcon.Request, resp: falcon.Response, token: str) -> None:
        try:
            trade = trades.pay(self._gateway, token)
        except BusinessError as refusal:
            return refuse(refusal, resp)
        location = return_address(self._gateway, offers.find(self._gateway, token), trade)
        if location:
            raise falcon.HTTPFound(location)
        resp.content_type = "text/html;charset=utf-8"
        resp.text = pages.result("付款成功 Paid", trade)
        return None

    def on_post_leave(self, _req: falcon.Request, resp: falcon.Response, token: str) -> None:
        """Leaving closes nothing. A phone's browser goes to quit_url."""
        try:
            offer = offers.find(self._gateway, token)
        except BusinessError as refusal:
            return refuse(refusal, resp)
        if offer.quit_url:
            raise falcon.HTTPFound(offer.quit_url)
        resp.content_type = "text/html;charset=utf-8"
        resp.text = pages.left(offer.return_url)
        return None
