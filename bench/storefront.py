"""The Django shop of the examples: its database, its commands, its server, and buyers who click all at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg2
import urllib3
from psycopg2.extensions import connection

from sandbox import ports, process

PROJECT = process.PROJECT / "examples" / "django_shop"
READY_SECONDS = 60
STOP_SECONDS = 15
THREADS = 8
_TOKEN = 32 * "c"  # Django compares the cookie with the header.
_HTTP = urllib3.PoolManager(maxsize=64, retries=False, timeout=urllib3.Timeout(90))


class Buyer(NamedTuple):
    user_id: int
    session: str
    address: int


class Click(NamedTuple):
    """What one buyer was answered, and after how many seconds."""

    buyer: Buyer
    status: int
    body: dict[str, Any]
    seconds: float


def signed_in(said: str) -> list[Buyer]:
    """The buyers of whom `sample` told."""
    lines = [line.split() for line in said.splitlines()]
    return [Buyer(int(user_id), session, int(address)) for user_id, session, address in lines]


def variables(database_url: str, redis_url: str) -> dict[str, str]:
    """What the shop is told of its own."""
    address = urlsplit(database_url)
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONUTF8": "1",
        "PGHOST": query.get("host", address.hostname or ""),
        "PGPORT": query.get("port", str(address.port or 5432)),
        "PGUSER": address.username or "",
        "PGPASSWORD": unquote(address.password or ""),
        "SHOP_DATABASE": address.path.removeprefix("/"),
        "SHOP_REDIS_URL": redis_url,
        "SHOP_SECRET_KEY": "a secret of the shop, long enough for its sessions",
    }


@dataclass(frozen=True)
class Shop:
    """The shop in a directory, in that environment."""

    environment: Mapping[str, str]
    log: Path
    directory: Path = PROJECT

    def manage(self, *arguments: object, **told: str) -> str:
        """What a command of its `manage.py` prints. Raises subprocess.CalledProcessError."""
        command = [sys.executable, "manage.py", *map(str, arguments)]
        with self.log.open("ab") as errors:
            done = subprocess.run(
                command,
                env={**self.environment, **told},
                cwd=self.directory,
                stdout=subprocess.PIPE,
                stderr=errors,
                check=True,
            )
        return done.stdout.decode()

    def buyers(self, count: int) -> list[Buyer]:
        """So many new ones, signed in."""
        return signed_in(self.manage("sample", f"--buyers={count}"))

    @contextmanager
    def serving(self, orders: str, *, workers: int = 2, **told: str) -> Iterator[str]:
        """The shop's address while its orders are taken so."""
        port = ports.free()
        command = [sys.executable, "-m", "granian", "--interface=wsgi", f"--port={port}", f"--workers={workers}"]
        command += [f"--blocking-threads={THREADS}", "shop.wsgi:application"]
        with self.running(command, SHOP_ORDERS=orders, **told) as child:
            if not process.becomes_ready(child, lambda: ports.answers(port), READY_SECONDS):
                raise RuntimeError(f"the shop did not start: see {self.log}")
            yield f"http://{ports.LOOPBACK}:{port}"

    @contextmanager
    def running(self, command: Sequence[str], **told: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process of the shop, which ends with its children."""
        own = {**self.environment, **told}
        with self.log.open("ab") as output:
            child = process.start(command, environment=own, output=output, directory=self.directory)
        try:
            yield child
        finally:
            process.shut_down(child, signal.SIGTERM, STOP_SECONDS)
            process.end(lambda: process.session(child.pid))

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What the shop's own tables say."""
        with closing(self.connect()) as opened, opened, opened.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def connect(self) -> connection:
        """A connection to the shop's database, for one who closes it."""
        own = self.environment
        return psycopg2.connect(
            host=own["PGHOST"],
            port=own["PGPORT"],
            user=own["PGUSER"],
            password=own["PGPASSWORD"],
            dbname=own["SHOP_DATABASE"],
        )

    def one(self, statement: str, *values: object) -> Any:
        return self.rows(statement, *values)[0][0]


def ask(url: str, buyer: Buyer, method: str = "GET", **request: Any) -> urllib3.BaseHTTPResponse:
    """One request of a buyer's browser."""
    headers = {"Cookie": f"sessionid={buyer.session}; csrftoken={_TOKEN}", "X-CSRFToken": _TOKEN}
    return _HTTP.request(method, url, headers=headers, redirect=False, **request)


def click(url: str, buyer: Buyer, total: str = "", pay_method: int = 2) -> Click:
    """The order button, on a page that showed that total; the article's shows none."""
    began = time.monotonic()
    wanted = {"address": buyer.address, "pay_method": pay_method} | ({"total": total} if total else {})
    answer = ask(f"{url}/orders/commit/", buyer, "POST", json=wanted)
    took = time.monotonic() - began
    try:
        body = answer.json()
    except json.JSONDecodeError:  # Django's page for what nobody foresaw.
        body = {}
    return Click(buyer, answer.status, body, took)


def buy(url: str, buyer: Buyer, total: str = "") -> Click:
    """Clicks, and again as long as the shop asks for it; the seconds are those of all."""
    began = time.monotonic()
    while (last := click(url, buyer, total)).status == 503:
        if time.monotonic() > began + READY_SECONDS:
            break
    return last._replace(seconds=time.monotonic() - began)


def look(url: str, buyer: Buyer) -> dict[str, Any]:
    """The page before the click."""
    found: dict[str, Any] = ask(f"{url}/orders/settlement/?address={buyer.address}", buyer).json()
    return found


def total(url: str, buyer: Buyer) -> str:
    """What that page says that the order will cost; nothing where it cannot be ordered."""
    said: str = look(url, buyer).get("total_amount", "")
    return said


def rush(url: str, buyers: Sequence[Buyer], at_once: int) -> list[Click]:
    """All have the page open; then so many at a time click."""
    with ThreadPoolExecutor(at_once) as crowd:
        totals = crowd.map(lambda buyer: total(url, buyer), buyers)
        gate = threading.Barrier(min(at_once, len(buyers)))
        gates = [gate if place < at_once else None for place in range(len(buyers))]
        return list(crowd.map(lambda *each: _in_turn(url, *each), buyers, list(totals), gates))


def _in_turn(url: str, buyer: Buyer, seen: str, gate: threading.Barrier | None) -> Click:
    if gate:
        gate.wait(READY_SECONDS)
    return buy(url, buyer, seen)
