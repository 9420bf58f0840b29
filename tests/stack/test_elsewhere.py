"""The stack where things are not as on a developer's machine: certificates, another PostgreSQL, locale, IPv6, nginx."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import urllib3

from checkout import settings
from ops.up import RunningStack, start_stack
from sandbox import process
from sandbox.alipay import keys
from sandbox.alipay.door import token_of
from tests.api.test_front import NGINX, an_order, behind_nginx, has_ipv6
from tests.shared import ports
from tests.shared.client import token
from tests.shared.databases import OTHER_URL, Other, create, drop
from tests.shared.processes import HTTP, eventually, is_well
from tests.stack.family import command_line

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Everything at once. Without a PostgreSQL of another version, IPv6 or that locale, with what there is."""
    data_dir = tmp_path_factory.mktemp("elsewhere") / "stack"
    merchant = keys.ensure(data_dir / "alipay")
    own = {name: value for name, value in settings.environment().items() if not name.startswith("CHECKOUT_")}
    own |= {
        "LANG": "zh_CN.GBK",
        "LC_ALL": "zh_CN.GBK",
        "PYTHONUTF8": "0",
        "CHECKOUT_ALIPAY_APP_CERT_FILE": str(merchant.app_cert_file),
        "CHECKOUT_ALIPAY_CERT_FILE": str(merchant.alipay_cert_file),
        "CHECKOUT_ALIPAY_ROOT_CERT_FILE": str(merchant.alipay_root_cert_file),
        "CHECKOUT_FLOWER_BASIC_AUTH": "operator:a,b:c",
    }
    with ExitStack() as undo:
        if OTHER_URL:
            other = Other()
            own["CHECKOUT_DATABASE_URL"] = create(other, "elsewhere")
            undo.callback(drop, other, "elsewhere")
        running = start_stack(
            data_dir,
            host="::" if has_ipv6() else "0.0.0.0",
            port=ports.free(),
            flower_port=ports.free(),
            alipay_port=ports.free(),
            environ=own,
        )
        yield undo.enter_context(running)


def basic(credentials: str) -> dict[str, str]:
    return urllib3.util.make_headers(basic_auth=credentials)


def environment_of(stack: RunningStack) -> dict[str, str]:
    return settings.stored(stack.data_dir)


def look(stack: RunningStack, path: str, method: str = "GET", body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {token(settings.parse(environment_of(stack)))}"}
    headers["Content-Type"] = "application/json"
    content = None if body is None else json.dumps(body)
    return HTTP.request(method, f"{stack.api_url}{path}", body=content, headers=headers).json()


def test_an_order_is_placed_paid_by_certificate_and_heard_of(stack: RunningStack, tmp_path: Path) -> None:
    with ExitStack() as undo:
        url = undo.enter_context(behind_nginx(stack.api_url, tmp_path / "nginx")) if NGINX else stack.api_url
        order = an_order(url, environment_of(stack))
    path = f"/v1/orders/{order['id']}"
    eventually(lambda: look(stack, path)["status"] == "awaiting_payment", "it is placed")
    offer = look(stack, f"{path}/payments", "POST", {"method": "page"})
    admin = {"Authorization": f"Bearer {token_of(stack.data_dir / 'alipay')}"}
    paid = HTTP.request("POST", f"{stack.alipay_url}/admin/pay", json={"pay_url": offer["pay_url"]}, headers=admin)
    assert paid.status == 200, paid.data
    eventually(lambda: look(stack, path)["status"] == "awaiting_shipment", "Alipay's notify is believed")
    assert HTTP.request("GET", stack.flower_url, headers=basic("operator:a,b:c")).status == 200
    assert HTTP.request("GET", stack.flower_url, headers=basic("operator:a")).status == 401


def test_one_killed_process_of_the_api_is_no_outage(stack: RunningStack) -> None:
    workers = _api_workers(stack)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    # A process of several threads has its sockets until the last of them is gone; then its parent buries it.
    eventually(lambda: process.stat(workers[0]).state == "", "it is gone")
    with urllib3.PoolManager(retries=False) as fresh:
        for _ in range(50):
            headers = {"Connection": "close"}
            assert fresh.request("GET", f"{stack.api_url}/health/live", headers=headers).status == 200
    eventually(lambda: len(_api_workers(stack)) == 2, "another took its place")
    assert is_well(stack.api_url)


def _api_workers(stack: RunningStack) -> list[int]:
    """The processes that hold the application: children of the one that only watches over them."""
    pids = stack.pids("api")
    children = [pid for pid in pids if process.stat(pid).parent in pids]
    return [pid for pid in children if "resource_tracker" not in command_line(pid)]
