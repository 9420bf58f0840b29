"""The shop's page in a real browser: whoever clicks faster than the service answers orders what he sees."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import falcon
import pytest

from checkout import money
from checkout.db import Engine
from checkout.settings import parse
from sandbox.shop.app import create_app
from tests.shared import ports
from tests.shared.factories import a_sku, rows
from tests.shared.processes import an_api, eventually

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CLICKS = 4
# The first change's answer is held until another one has come, or half a second is over: answers overtake each other,
# where several changes are on their way at once.
_PAGE = """<!doctype html><meta charset="utf-8">
<main id="main"></main><select id="buyer"></select><p id="notice"></p>
<script type="module">
const send = window.fetch;
let answered = () => {};
const another = new Promise((resolve) => { answered = resolve; });
let changes = 0;
window.fetch = async (url, options = {}) => {
  if (options.method !== "PUT") return send(url, options);
  changes += 1;
  const isFirst = changes === 1;
  const answer = await send(url, options);
  if (isFirst) await Promise.race([another, new Promise((resolve) => setTimeout(resolve, 500))]);
  else answered();
  return answer;
};
await import("/static/main.js");
const find = async (selector) => {
  for (;;) {
    const found = document.querySelector(selector);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const take = await find(".sku button");
for (let click = 0; click < CLICKS; click += 1) take.click();
await find(".basket .actions .primary:not([aria-disabled])");
await send("/report", { method: "POST", body: document.querySelector(".basket .total strong").textContent });
(await find(".basket .actions .primary")).click();
</script>""".replace("CLICKS", str(CLICKS))


class _Page:
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type, resp.text = falcon.MEDIA_HTML, _PAGE


class _Report:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_post(self, req: falcon.Request, _resp: falcon.Response) -> None:
        self.seen.append(req.bounded_stream.read().decode())


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def served(app: Any, port: int) -> Iterator[None]:
    with make_server("127.0.0.1", port, app, _Server, _Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@contextmanager
def browsing(url: str, profile: Path) -> Iterator[None]:
    assert BROWSER is not None
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-proxy-server", "--disable-dev-shm-usage")
    command = [BROWSER, *flags, f"--user-data-dir={profile}", "--remote-debugging-port=0", url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
        try:
            yield
        finally:
            browser.terminate()


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here")
def test_what_is_shown_is_what_is_ordered(environment: dict[str, str], engine: Engine, tmp_path: Path) -> None:
    a_sku(engine, price="96.78")
    port, report = ports.free(), _Report()
    shop = f"http://127.0.0.1:{port}"
    told = environment | {"CHECKOUT_SHOP_URL": shop, "CHECKOUT_CORS_ORIGINS": shop}
    with ExitStack() as undo:
        api_url = undo.enter_context(an_api(told, tmp_path / "api.log"))
        app = create_app(parse(told | {"CHECKOUT_PUBLIC_URL": api_url}))
        app.add_route("/quick", _Page())
        app.add_route("/report", report)
        undo.enter_context(served(app, port))
        undo.enter_context(browsing(f"{shop}/quick", tmp_path / "profile"))
        eventually(lambda: rows(engine, "orders") != [], "the buyer orders")
    [order] = rows(engine, "orders")
    total = money.yuan(CLICKS * 9678 + 1000)
    assert (report.seen, order.quantities) == ([f"¥{total}"], [CLICKS])
    assert money.yuan(order.expected_total_fen) == total
