"""What balancers, proxies and old clients send: HTTP/1.0, HEAD, OPTIONS, IPv6; and the service behind nginx."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from checkout.settings import parse
from sandbox import process as starting
from tests.conftest import Standing
from tests.shared import ports
from tests.shared.client import an_order_body, token
from tests.shared.factories import a_sku
from tests.shared.processes import HTTP, eventually, is_well, process

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
_CONF = """
daemon off; user root; pid {directory}/pid; error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
    uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {url}; }} }}
}}
"""


@pytest.fixture(scope="module")
def api_url(standing: Standing) -> str:
    """Where one SKU is sold."""
    a_sku(standing.engine)
    return standing.url


def raw(url: str, *lines: str) -> tuple[int, dict[str, str], str]:
    """Sends these lines as they are, and reads until the server closes: status, headers, body."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    return int(first.split()[1]), headers, body.decode()


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/v1/skus", "/openapi.json", "/docs"])
def test_http_1_0_is_answered(api_url: str, path: str) -> None:
    status, _, body = raw(api_url, f"GET {path} HTTP/1.0")
    assert status == 200
    assert body


@pytest.mark.parametrize("path", ["/health/live", "/v1/skus", "/v1/skus/1", "/v1/skus/none", "/v1/orders", "/nowhere"])
def test_head_is_get_without_the_body(api_url: str, path: str) -> None:
    get = raw(api_url, f"GET {path} HTTP/1.1", "Host: x", "Connection: close")
    head = raw(api_url, f"HEAD {path} HTTP/1.1", "Host: x", "Connection: close")
    assert (head[0], head[2]) == (get[0], "")
    assert {**head[1], "date": ""} == {**get[1], "date": ""}


@pytest.mark.parametrize("path", ["/health/live", "/v1/orders", "/nowhere", "/v1/skus"])
def test_no_answer_is_kept_guessed_at_or_signed_by_the_server(api_url: str, path: str) -> None:
    _, headers, _ = raw(api_url, f"GET {path} HTTP/1.1", "Host: x", "Connection: close")
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert headers["server"] == ""


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_options_answers_balancers(api_url: str, version: str) -> None:
    for path in ("/health/live", "/health/ready"):
        status, headers, _ = raw(api_url, f"OPTIONS {path} HTTP/{version}", "Host: x", "Connection: close")
        assert (status, headers["allow"]) == (200, "GET")


@pytest.mark.parametrize("query", ["a=中".encode(), b"a=\xff", b"a=%ff", b"cursor=\xe4\xb8"])
@pytest.mark.parametrize("path", ["/v1/alipay/return", "/v1/skus", "/health/live"])
def test_bytes_that_do_not_belong_into_an_address_are_no_fault_of_ours(api_url: str, path: str, query: bytes) -> None:
    host, _, port = api_url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"GET {path}?".encode() + query + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert int(answer.split()[1]) < 500, answer


def an_order(url: str, environment: dict[str, str]) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token(parse(environment))}", "Idempotency-Key": uuid4().hex}
    headers["Content-Type"] = "application/json"
    made = HTTP.request("POST", f"{url}/v1/orders", body=json.dumps(an_order_body()), headers=headers)
    assert made.status == 202
    return dict(made.json())


@contextmanager
def behind_nginx(url: str, directory: Path) -> Iterator[str]:
    """The address of an nginx that has nothing but `proxy_pass`."""
    port = ports.free()
    directory.mkdir()
    file = directory / "nginx.conf"
    file.write_text(_CONF.format(directory=directory, port=port, url=url), encoding="utf-8")
    with (directory / "log").open("ab") as output:
        command = [NGINX or "", "-c", str(file)]
        child = starting.start(command, environment={}, output=output, directory=directory)
    try:
        eventually(lambda: is_well(f"http://127.0.0.1:{port}"), "nginx forwards")
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(15)


@pytest.mark.skipif(not NGINX, reason="nginx is not installed here")
def test_behind_nginx_orders_are_taken_and_events_come_at_once(
    api_url: str, standing: Standing, tmp_path: Path
) -> None:
    with behind_nginx(api_url, tmp_path / "nginx") as url:
        made = an_order(url, standing.environment)
        assert HTTP.request("HEAD", f"{url}/v1/skus").status == 200
        events = HTTP.request("GET", f"{url}{made['events_url']}", preload_content=False)
        assert events.headers["Content-Type"] == "text/event-stream"
        first = next(iter(events.stream(4096)))  # The stream goes on; a proxy that held it back would give nothing yet.
        assert b'"status":"accepted"' in first
        events.close()


def test_streams_ask_proxies_not_to_hold_them_back(api_url: str, standing: Standing) -> None:
    made = an_order(api_url, standing.environment)
    events = HTTP.request("GET", f"{api_url}{made['events_url']}", preload_content=False)
    assert events.headers["X-Accel-Buffering"] == "no"
    events.close()
    assert raw(api_url, f"HEAD {made['events_url']} HTTP/1.1", "Host: x", "Connection: close")[::2] == (200, "")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize(("host", "near"), [("::", "[::1]"), ("localhost", "localhost")])
def test_it_listens_where_it_is_told(environment: dict[str, str], tmp_path: Path, host: str, near: str) -> None:
    port = ports.free()
    log = tmp_path / "log"
    with process("api", f"--host={host}", f"--port={port}", "--workers=1", environment=environment, log=log):
        eventually(lambda: is_well(f"http://{near}:{port}"), "the API is ready")


@pytest.mark.parametrize(
    ("host", "cure"), [("nowhere.invalid", "is no address"), ("192.0.2.1", "cannot be listened on")]
)
def test_a_host_that_is_not_this_machine_is_refused(
    environment: dict[str, str], tmp_path: Path, host: str, cure: str
) -> None:
    log = tmp_path / "log"
    with process("api", f"--host={host}", "--port=1", environment=environment, log=log) as started:
        assert started.wait(60) != 0
    assert cure in log.read_text(encoding="utf-8")
