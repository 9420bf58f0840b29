"""The web application: gateway, cashier, bill downloads, admin and a page for people."""

import time
from collections.abc import Iterator

import falcon

from sandbox.alipay import admin, bills, calls, cashier, pages, trades, wire
from sandbox.alipay.admin import WsgiApp
from sandbox.alipay.calls import BadGatewayError, SilenceError
from sandbox.alipay.cashier import CashierPage, CashierStep
from sandbox.alipay.door import Door
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.wire import AlipayError

_LARGEST_BODY = 1_000_000


class GatewayDo:
    """`/gateway.do`: GET and POST, parameters in the query, in the body or in both."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        self._serve(wire.read_params(req.query_string.encode(), b""), resp)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        body = req.bounded_stream.read(_LARGEST_BODY)
        self._serve(wire.read_params(req.query_string.encode(), body), resp)

    def _serve(self, params: dict[str, str], resp: falcon.Response) -> None:
        if params.get("method") in cashier.BROWSER_METHODS:
            return self._open_cashier(params, resp)
        try:
            resp.data, resp.content_type = wire.envelope(self._gateway, params, calls.answer(self._gateway, params))
        except BadGatewayError:
            resp.status, resp.content_type, resp.text = 502, "text/html", "<html><h1>502 Bad Gateway</h1></html>"
        except SilenceError as silence:
            time.sleep(silence.seconds)
            resp.content_length, resp.stream = 1000, hang_up()
        return None

    def _open_cashier(self, params: dict[str, str], resp: falcon.Response) -> None:
        try:
            cashier.show(self._gateway, cashier.open_request(self._gateway, params), resp)
        except AlipayError as refusal:
            cashier.refuse(refusal, resp)


class Download:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        found = bills.download(self._gateway, req.get_param("fileId") or "")
        if found is None:
            raise falcon.HTTPNotFound(description="下载地址已失效")
        resp.downloadable_as, resp.data = found
        resp.content_type = "application/zip"


class Front:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        signer, scale = self._gateway.signer, self._gateway.clock.scale
        resp.content_type = "text/html;charset=utf-8"
        resp.text = pages.front(signer.app_id, signer.seller_id, scale, trades.recent(self._gateway, 50))


def hang_up() -> Iterator[bytes]:
    """The server drops the connection of an answer that fails while it is being written."""
    yield b" "
    raise HangUpError


class HangUpError(Exception):
    """Asked for by a fault."""


def create_app(gateway: Gateway, admin_token: str) -> WsgiApp:
    app: WsgiApp = falcon.App(middleware=[Door(admin_token)])
    app.req_options.strip_url_path_trailing_slash = True
    app.add_route("/", Front(gateway))
    app.add_route("/gateway.do", GatewayDo(gateway))
    app.add_route("/downloadBillFile.resource", Download(gateway))
    page, steps = CashierPage(gateway), CashierStep(gateway)
    app.add_route("/cashier/{token}", page)
    app.add_route("/qr/{token}", page)
    for step in ("login", "pay", "leave"):
        app.add_route(f"/cashier/{{token}}/{step}", steps, suffix=step)
    admin.add_routes(app, gateway)
    return app
