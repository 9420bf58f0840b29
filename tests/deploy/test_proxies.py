"""The service behind nginx and behind Caddy, as deploy/ sets them up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import urllib3

from api.reading import LONGEST_WAIT_SECONDS, MOST_BODY_BYTES
from checkout.settings import parse
from tests.conftest import Standing
from tests.deploy.proxies import PROXIES, Behind, Front
from tests.shared import ports
from tests.shared.client import an_order_body, token
from tests.shared.factories import a_sku
from tests.shared.processes import HTTP, eventually, process

pytestmark = pytest.mark.timeout(3 * 120)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tools")


@pytest.fixture
def undo() -> Iterator[ExitStack]:
    """What it is given ends with the test."""
    with ExitStack() as entered:
        yield entered


@pytest.fixture(params=PROXIES)
def start(request: pytest.FixtureRequest, undo: ExitStack, tmp_path: Path, tools: Path) -> Callable[[Behind], Front]:
    """Starts nginx, or Caddy."""
    directory = tmp_path / "proxy"
    directory.mkdir()
    return lambda behind: undo.enter_context(PROXIES[request.param](behind, directory, tools))


@pytest.fixture(scope="module")
def behind(standing: Standing) -> Behind:
    """An API that has something to sell, and no Flower."""
    a_sku(standing.engine)
    return Behind(urlsplit(standing.url).port or 0, ports.DISCARD)


@pytest.fixture(scope="module", params=PROXIES)
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the proxy that is named like it."""
    made: Path = tmp_path_factory.mktemp(request.param, numbered=False)
    return made


@pytest.fixture(scope="module")
def front(behind: Behind, directory: Path, tools: Path) -> Iterator[Front]:
    """A proxy before that API."""
    with PROXIES[directory.name](behind, directory, tools) as running:
        yield running


def ask(front: Front, method: str, path: str, **request: object) -> urllib3.BaseHTTPResponse:
    return front.http.request(method, f"{front.url}{path}", **request)  # type: ignore[arg-type]


def test_an_order_is_placed_and_followed(front: Front, standing: Standing) -> None:
    headers = {"Authorization": f"Bearer {token(parse(standing.environment))}"}
    body = an_order_body()
    made = ask(front, "POST", "/v1/orders", headers={**headers, "Idempotency-Key": uuid4().hex}, json=body)
    assert made.status == 202, made.data
    assert made.headers["Strict-Transport-Security"]
    order = made.json()
    events = ask(front, "GET", order["events_url"], preload_content=False)
    assert events.headers["Content-Type"] == "text/event-stream"
    first = next(iter(events.stream(4096)))  # The stream goes on; a proxy that held it back would give nothing yet.
    assert b'"status":"accepted"' in first
    events.close()
    shown = ask(front, "GET", made.headers["Location"], headers=headers)
    assert (shown.status, shown.json()["status"]) == (200, "accepted")


def test_the_longest_wait_that_one_may_ask_for_is_no_outage(
    behind: Behind, standing: Standing, undo: ExitStack, tmp_path: Path, tools: Path
) -> None:
    told = parse(standing.environment)
    headers = {"Authorization": f"Bearer {token(told)}", "Prefer": f"wait={LONGEST_WAIT_SECONDS}"}
    own = headers | {"Idempotency-Key": uuid4().hex}
    made = HTTP.request("POST", f"{standing.url}/v1/orders", headers=own, json=an_order_body())
    fronts = []
    for name, proxy in PROXIES.items():
        (tmp_path / name).mkdir()
        fronts.append(undo.enter_context(proxy(behind, tmp_path / name, tools)))
    pool = undo.enter_context(ThreadPoolExecutor())
    began = time.monotonic()
    answers = [pool.submit(ask, front, "GET", made.headers["Location"], headers=headers) for front in fronts]
    # There is no worker, so the API answers at the end, and it is the API that answers.
    assert [(one.result().status, one.result().json()["status"]) for one in answers] == [(200, "accepted")] * 2
    assert time.monotonic() - began > LONGEST_WAIT_SECONDS - 1


def test_what_is_too_large_is_refused_as_the_api_refuses_it(front: Front, standing: Standing) -> None:
    headers = {"Authorization": f"Bearer {token(parse(standing.environment))}", "Idempotency-Key": uuid4().hex}
    large = b"x" * (MOST_BODY_BYTES + 1)
    notify = ask(front, "POST", "/v1/alipay/notify", body=large, headers=FORM)
    assert (notify.status, notify.data, notify.headers["Content-Type"]) == (413, b"failure", "text/plain")
    within = ask(front, "POST", "/v1/alipay/notify", body=b"a=" + b"x" * 60_000, headers=FORM)
    assert (within.status, within.data) == (200, b"failure")
    order = ask(front, "POST", "/v1/orders", body=large, headers=headers | {"Content-Type": "application/json"})
    assert (order.status, order.headers["Content-Type"], order.json()["code"]) == (413, PROBLEM, "body_too_large")


def test_no_numbers_are_shown(front: Front) -> None:
    for path in ("/metrics", "/flower/metrics", "/metrics?x=1"):
        assert ask(front, "GET", path).status == 404, path


def test_a_request_has_an_id(front: Front, directory: Path) -> None:
    given = ask(front, "GET", "/health/live", headers={"X-Request-Id": "0123abcd-from-a-client"})
    assert given.headers["X-Request-Id"] == "0123abcd-from-a-client"
    made = {ask(front, "GET", "/health/live", headers=more).headers["X-Request-Id"] for more in ({}, {}, odd())}
    assert len(made) == 3
    assert all(len(one) >= 32 for one in made)
    ask(front, "GET", "/v1/orders/1/events?token=secret-of-a-stream")

    def logs() -> str:
        return "".join(file.read_text(encoding="utf-8") for file in directory.glob("*log"))

    eventually(lambda: "/v1/orders/1/events" in logs(), "the request is logged, which comes after its answer")
    assert "secret-of-a-stream" not in logs()


def odd() -> dict[str, str]:
    return {"X-Request-Id": 'an "id" of anything'}


def test_an_api_that_is_away_is_unavailable(start: Callable[[Behind], Front]) -> None:
    front = start(Behind(ports.free(), ports.free()))
    order = ask(front, "POST", "/v1/orders", json=an_order_body())
    assert (order.status, order.headers["Content-Type"], order.headers["Retry-After"]) == (503, PROBLEM, "2")
    assert json.loads(order.data)["code"] == "unavailable"
    assert order.headers["Strict-Transport-Security"]
    assert order.headers["X-Request-Id"]
    notify = ask(front, "POST", "/v1/alipay/notify", body=b"a=b", headers=FORM)
    assert (notify.status, notify.data) == (503, b"failure")


def test_flower_is_there_for_its_operator(
    start: Callable[[Behind], Front], undo: ExitStack, environment: dict[str, str], tmp_path: Path
) -> None:
    port, own = ports.free(), environment | {"CHECKOUT_FLOWER_BASIC_AUTH": "operator:secret"}
    options = ("--address=127.0.0.1", f"--port={port}", "--url_prefix=flower")
    undo.enter_context(process("tasks.flower", *options, environment=own, log=tmp_path / "flower.log"))
    eventually(lambda: _is_up(f"http://127.0.0.1:{port}/flower/healthcheck"), "Flower answers")
    front = start(Behind(ports.free(), port))
    assert ask(front, "GET", "/flower/").status == 401
    operator = urllib3.util.make_headers(basic_auth="operator:secret")
    page = ask(front, "GET", "/flower/workers", headers=operator)
    assert page.status == 200
    assert b'href="/flower/static/' in page.data
    assert ask(front, "GET", "/flower/metrics", headers=operator).status == 404


def _is_up(url: str) -> bool:
    try:
        return HTTP.request("GET", url).status == 200
    except urllib3.exceptions.HTTPError:
        return False
