"""The demo shop's own server: pages for everybody, tokens for the demo buyers alone, one flash sale at a time."""

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import falcon.testing
import pytest

from api.auth import Tokens
from checkout import settings
from checkout.audit import invariants
from checkout.settings import Settings
from sandbox.alipay import keys
from sandbox.shop.app import STATIC, create_app
from tests.shared.processes import eventually

_SECRET = "a secret that only this test knows"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    merchant = keys.ensure(tmp_path_factory.mktemp("merchant"))
    values = {
        "DATABASE_URL": "postgresql+psycopg2://nobody@127.0.0.1/nothing",
        "BROKER_URL": "redis://127.0.0.1:1",
        "REDIS_URL": "redis://127.0.0.1:1",
        "JWT_SECRET": _SECRET,
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "ALIPAY_APP_ID": merchant.app_id,
        "ALIPAY_SELLER_ID": merchant.seller_id,
        "ALIPAY_PRIVATE_KEY_FILE": str(merchant.app_private_key_file),
        "ALIPAY_PUBLIC_KEY_FILE": str(merchant.alipay_public_key_file),
    }
    return settings.parse({settings.PREFIX + name: value for name, value in values.items()})


@pytest.fixture(scope="module")
def shop(config: Settings) -> falcon.testing.TestClient:
    return falcon.testing.TestClient(create_app(config), headers={"Host": "127.0.0.1:8001"})


@pytest.mark.parametrize("path", ["/", "/orders/17", "/flash"])
def test_the_page_may_talk_to_its_own_server_and_the_api_only(shop: falcon.testing.TestClient, path: str) -> None:
    answer = shop.simulate_get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self'; connect-src 'self' http://127.0.0.1:8000;")


def test_every_file_is_served_and_names_no_other_host(shop: falcon.testing.TestClient) -> None:
    for file in STATIC.iterdir():
        assert shop.simulate_get(f"/static/{file.name}").status_code == 200
        assert "http://" not in file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")


def test_a_demo_buyer_gets_a_token_that_is_no_operators(shop: falcon.testing.TestClient, config: Settings) -> None:
    session = shop.simulate_get("/session", params={"buyer": "1002"}).json
    request = falcon.testing.create_asgi_req(headers={"Authorization": f"Bearer {session['token']}"})
    caller = asyncio.run(Tokens(config).caller(request))
    assert (caller.user_id, caller.is_operator) == (1002, False)
    assert session["api"] == "http://127.0.0.1:8000"
    assert session["pay_methods"] == ["alipay", "cash"]


@pytest.mark.parametrize("buyer", ["1", "1001 ", "operator"])
def test_nobody_else_gets_a_token(shop: falcon.testing.TestClient, buyer: str) -> None:
    assert shop.simulate_get("/session", params={"buyer": buyer}).status_code == 404


@pytest.mark.parametrize("smuggled", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_no_other_page_gets_one_either(shop: falcon.testing.TestClient, smuggled: dict[str, str]) -> None:
    assert shop.simulate_get("/session", headers=smuggled).status_code == 403


@pytest.mark.parametrize("smuggled", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}])
def test_no_other_page_starts_a_sale_or_sees_one(shop: falcon.testing.TestClient, smuggled: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        assert shop.simulate_request(method, "/flash/sale", headers=smuggled).status_code == 403
    assert shop.simulate_get("/flash/sale").json == {"state": "idle", "buyers": 1000, "units": 50}


@pytest.fixture
def decides() -> Iterator[tuple[str, threading.Event]]:
    """The address of a service that decides nothing until it is told to, and then refuses."""
    may = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            may.wait(60)
            self.send_error(403)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", may
        server.shutdown()


# Why a sale broke off is what its thread leaves in the shop's log.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_one_sale_goes_on_at_a_time(config: Settings, decides: tuple[str, threading.Event]) -> None:
    url, may = decides
    app = create_app(replace(config, public_url=url))
    shop = falcon.testing.TestClient(app, headers={"Host": "127.0.0.1:8001"})
    assert [shop.simulate_post("/flash/sale").status_code for _ in range(2)] == [202, 409]
    assert shop.simulate_get("/flash/sale").json["state"] == "selling"
    may.set()
    eventually(lambda: shop.simulate_get("/flash/sale").json["state"] == "failed", "it is refused, and says so")


def test_each_proof_of_the_audit_is_told_in_chinese() -> None:
    told = re.findall(r"^  (\w+): \"", (STATIC / "proofs.js").read_text(encoding="utf-8"), re.MULTILINE)
    assert told == [proof.name for proof in invariants.PROOFS]
