"""The stack under test: started for the run in a directory of its own, with the defaults that everybody gets."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from api import auth
from checkout import db, settings
from checkout.db import Engine, sql
from checkout.settings import Settings
from checkout.stock import catalog
from checkout.stock.catalog import Item
from ops.up import RunningStack, start_stack
from sandbox import ports, process
from sandbox.environment import PREFIX
from sandbox.postgres import USER, Postgres

TOKEN_SECONDS = 12 * 3600
# Long enough for the backlog that a closed loop leaves behind.
QUIET_SECONDS = 300.0
_TICKS = os.sysconf("SC_CLK_TCK")
_MARK = "CHECKOUT_SERVICE="


@dataclass(frozen=True)
class Stack:
    """A running stack, and what a load generator needs to know of it."""

    running: RunningStack
    settings: Settings
    engine: Engine
    tokens: list[bytes]
    beside: Postgres | None = None  # The server, where it is none of the stack's own.

    @property
    def data_dir(self) -> Path:
        return self.running.data_dir

    @property
    def port(self) -> int:
        return int(self.running.api_url.rpartition(":")[2])

    @cached_property
    def postgres(self) -> Postgres:
        """The stack's server, to ask for its addresses; it is started and stopped by the stack."""
        return self.beside or Postgres(self.data_dir / "postgres")

    def token(self, user_id: int) -> bytes:
        """Users are numbered from 1."""
        return self.tokens[user_id - 1]

    def one(self, statement: str, **values: Any) -> Any:
        """The first value of the first row."""
        with db.transaction(self.engine) as connection:
            return connection.execute(sql(statement), values).scalar_one()

    def rows(self, statement: str, **values: Any) -> list[Any]:
        with db.transaction(self.engine) as connection:
            return list(connection.execute(sql(statement), values))

    @cached_property
    def told_at(self) -> list[str]:
        """Where each process tells its numbers, as Prometheus reads it."""
        groups = json.loads((self.data_dir / "metrics.json").read_text(encoding="utf-8"))
        return [target for group in groups for target in group["targets"]]

    def metric(self, name: str) -> float:
        """The sum over all processes and labels."""
        pages = (
            urllib3.request("GET", f"http://{target}/metrics", timeout=10).data.decode() for target in self.told_at
        )
        families = (family for page in pages for family in text_string_to_metric_families(page))
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def checkpoint(self) -> None:
        """Every measurement starts with all pages written, so that each pays for its own."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(sql("CHECKPOINT"))

    def settle(self) -> float:
        """Waits until no accepted order waits and the relay has sent all; returns when the orders were through.

        Raises TimeoutError.
        """
        through = self.placed()
        self._until("SELECT published >= COALESCE((SELECT max(id) FROM events), 0) FROM relay")
        return through

    def placed(self) -> float:
        """Waits until no accepted order waits; returns the time. Raises TimeoutError."""
        return self._until("SELECT NOT EXISTS (SELECT FROM arrivals)")

    def _until(self, question: str) -> float:
        deadline = time.monotonic() + QUIET_SECONDS
        while not self.one(question):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the stack did not become quiet: {question}")
            time.sleep(0.02)
        return time.time()

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds so far, by service; the load generator's own among them.

        "postgres" is the work of its connections, "upkeep" what it does by itself: log, vacuum, checkpoints.
        """
        used: dict[str, float] = defaultdict(float)
        file = self.postgres.data_dir / "postmaster.pid"
        postmaster = int(file.read_text(encoding="utf-8").split()[0])
        for pid in process.everyone():
            if pid == postmaster or process.stat(pid).parent == postmaster:
                used["postgres" if _serves(pid) else "upkeep"] += _used(pid)
            elif name := self._service(pid):
                used[name] += _used(pid)
        own = resource.getrusage(resource.RUSAGE_SELF)
        used["load generator"] = own.ru_utime + own.ru_stime
        return used

    def cpu_us_since(self, before: dict[str, float], pieces: int) -> dict[str, float]:
        """Microseconds of CPU per piece since then, the largest share first; what used next to nothing is left out."""
        now = self.cpu_seconds()
        spent = {name: (now[name] - before.get(name, 0.0)) / max(1, pieces) * 1e6 for name in now}
        return {name: spent[name] for name in sorted(spent, key=lambda name: -spent[name]) if spent[name] >= 0.1}

    def _service(self, pid: int) -> str:
        variables = process.variables(pid)
        if f"CHECKOUT_STACK_OF={self.data_dir}" not in variables:
            return ""
        return next((mark.removeprefix(_MARK) for mark in variables if mark.startswith(_MARK)), "")


def _serves(pid: int) -> bool:
    """Whether it is PostgreSQL's end of a connection."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: %b " % USER.encode())
    return False


def _used(pid: int) -> float:
    """User and system seconds of a process and of its children that have ended (proc_pid_stat(5))."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS
    return 0.0


@contextlib.contextmanager
def started(catalogue: list[Item], users: int, *, beside: Postgres | None = None, **told: str) -> Iterator[Stack]:
    """A fresh stack with this catalogue, and a token for each of so many users; `told` are settings.

    Of a server `beside` it asks that itself, however the stack gets there.
    """
    environ = {name: value for name, value in settings.environment().items() if not name.startswith(PREFIX)} | told
    with (
        tempfile.TemporaryDirectory(prefix="checkout-bench-", ignore_cleanup_errors=True) as directory,
        start_stack(
            Path(directory, "data"),
            port=ports.free(),
            flower_port=ports.free(),
            alipay_port=ports.free(),
            environ=environ,
        ) as running,
    ):
        own = settings.parse(settings.stored(running.data_dir) | told)
        url = beside.url("checkout") if beside else own.database_url
        engine = db.connect(url, statement_seconds=600, by_index=False)
        try:
            with db.transaction(engine) as connection:
                catalog.load(connection, catalogue)
            yield Stack(running, own, engine, _tokens(own.jwt_secret, users), beside)
        finally:
            engine.dispose()


def _tokens(secret: str, users: int) -> list[bytes]:
    return [
        auth.issue(secret, user_id, is_operator=False, ttl_seconds=TOKEN_SECONDS).encode()
        for user_id in range(1, users + 1)
    ]
