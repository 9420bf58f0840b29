"""The memory of a process of the API is flat under each flood that took hundreds of megabytes once."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from redis import Redis

from checkout.settings import Settings, parse
from tests.shared import ports
from tests.shared.client import token
from tests.shared.processes import HTTP, eventually, is_well, process
from tests.stack.family import descendants

REQUESTS = 400
MOST_BYTES = 80_000_000
HUGE = 380_000


def blanks(url: str, settings: Settings) -> None:
    """Tokens that hold, each in a header of its own with 380 kB of blanks around it."""
    for number in range(REQUESTS):
        headers = {"Authorization": f"Bearer {' ' * (HUGE + number)}{token(settings, number + 1)}"}
        assert HTTP.request("GET", f"{url}/v1/orders", headers=headers).status == 401


def tokens(url: str, settings: Settings) -> None:
    """Tokens that nobody signed, each another."""
    for number in range(REQUESTS):
        headers = {"Authorization": f"Bearer {token(settings, number + 1)}{'x' * 7000}"}
        assert HTTP.request("GET", f"{url}/v1/orders", headers=headers).status == 401


def slow(url: str, _settings: Settings) -> None:
    """Notifies that begin and do not go on."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    begin = b"POST /v1/alipay/notify HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + b"a" * 30_000
    with ExitStack() as crowd:
        for _ in range(REQUESTS):
            connection = crowd.enter_context(socket.create_connection((host, int(port)), timeout=60))
            connection.sendall(begin)
        assert HTTP.request("GET", f"{url}/health/live").status == 200


def large(url: str, settings: Settings) -> None:
    """Bodies larger than any order."""
    headers = {"Authorization": f"Bearer {token(settings)}", "Content-Type": "application/json"}
    headers["Idempotency-Key"] = "k"

    def one(_: int) -> int:
        return HTTP.request("POST", f"{url}/v1/orders", body=b"x" * 5_000_000, headers=headers).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(REQUESTS // 8))) == {413}


def carts(url: str, settings: Settings) -> None:
    """Carts that another program has filled."""
    with Redis.from_url(settings.redis_url) as redis:
        for user in range(1, 41):
            redis.hset(f"cart_{user}", mapping={f"s{number}": "9" * 5000 for number in range(200)})
    for number in range(REQUESTS):
        headers = {"Authorization": f"Bearer {token(settings, number % 40 + 1)}"}
        assert HTTP.request("GET", f"{url}/v1/cart", headers=headers).json() == {"items": []}


def test_floods_leave_the_memory_as_it_was(environment: dict[str, str], tmp_path: Path) -> None:
    port, settings = ports.free(), parse(environment)
    url, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token(settings)}"}
    log = tmp_path / "api.log"
    with process("api", f"--port={port}", "--workers=1", environment=environment, log=log) as started:
        eventually(lambda: is_well(url), "the API is ready")
        for _ in range(20):  # What is made once is made before.
            HTTP.request("GET", f"{url}/v1/cart", headers=headers)
        for flood in (blanks, tokens, slow, large, carts):
            before = resident_bytes(started.pid)
            flood(url, settings)
            assert resident_bytes(started.pid) - before < MOST_BYTES, flood.__name__


def resident_bytes(pid: int) -> int:
    """Of the process and all that it started."""
    pages = [int(Path(f"/proc/{one}/statm").read_text(encoding="utf-8").split()[1]) for one in [pid, *descendants(pid)]]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")
