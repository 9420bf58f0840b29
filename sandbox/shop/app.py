"""The shop's own server: one page, its modules, tokens for the demo buyers, and a flash sale.

Everything else the page asks of the checkout API itself, as any shop's frontend would.
"""

from pathlib import Path
from urllib.parse import urlsplit

import falcon

from api.auth import issue
from checkout import settings
from checkout.settings import Settings
from sandbox.local import refuse_strangers
from sandbox.shop.flash import Flash

STATIC = Path(__file__).parent / "static"
BUYERS = ("1001", "1002", "1003")
TOKEN_SECONDS = 3600

WsgiApp = falcon.App[falcon.Request, falcon.Response]


class Page:
    """The same page everywhere; its modules read the address. Alipay's return lands on `/orders/{id}`."""

    def __init__(self, api_url: str) -> None:
        parts = urlsplit(api_url)
        self._html = (STATIC / "index.html").read_text(encoding="utf-8")
        self._policy = f"default-src 'self'; connect-src 'self' {parts.scheme}://{parts.netloc}; frame-ancestors 'none'"

    def on_get(self, _req: falcon.Request, resp: falcon.Response, order_id: int | None = None) -> None:  # noqa: ARG002 - the page reads it from its own address
        resp.content_type = falcon.MEDIA_HTML
        resp.text = self._html
        resp.set_header("Content-Security-Policy", self._policy)


class Session:
    """Who the page acts for. A real shop would ask for a password before it signs a token."""

    def __init__(self, config: Settings) -> None:
        self._config = config

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        refuse_strangers(req)
        buyer = req.get_param("buyer") or BUYERS[0]
        if buyer not in BUYERS:
            raise falcon.HTTPNotFound(description="no such demo buyer")
        token = issue(self._config.jwt_secret, int(buyer), is_operator=False, ttl_seconds=TOKEN_SECONDS)
        resp.cache_control = ["no-store"]
        known = {"api": self._config.public_url, "buyer": buyer, "buyers": BUYERS, "token": token}
        resp.media = known | {"pay_methods": self._config.pay_methods}


def create_app(config: Settings) -> WsgiApp:
    """The shop in front of the service that `config` describes."""
    app: WsgiApp = falcon.App()
    page = Page(config.public_url)
    app.add_route("/", page)
    app.add_route("/orders/{order_id:int(min=1)}", page)
    app.add_route("/flash", page)
    app.add_route("/flash/sale", Flash(config))
    app.add_route("/session", Session(config))
    app.add_static_route("/static", STATIC)
    return app


def app() -> WsgiApp:
    """What the server runs in its worker."""
    return create_app(settings.current())
