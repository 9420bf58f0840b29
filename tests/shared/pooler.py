"""A real PgBouncer before a test's PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg2

from sandbox import postgres, process
from tests.shared import ports
from tests.shared.processes import eventually

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
_INI = """
[databases]
* = host={host} port=5432 user=checkout
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = {mode}
default_pool_size = 20
max_client_conn = 500
server_idle_timeout = 1
unix_socket_dir =
"""


@contextmanager
def pooler(server_url: str, mode: str, directory: Path) -> Iterator[int]:
    """The port of a PgBouncer of that mode before all databases of the server, which listens at a socket."""
    host, port = parse_qs(urlsplit(server_url).query)["host"][0], ports.free()
    file = directory / "pgbouncer.ini"
    file.write_text(_INI.format(host=host, port=port, mode=mode), encoding="utf-8")
    become = postgres._identity(directory)  # It refuses to run as root, too.
    with (directory / "pgbouncer.log").open("ab") as output:
        command = [PGBOUNCER or "", str(file)]
        child = process.start(command, environment={}, output=output, directory=directory, become=become)
    try:
        eventually(lambda: _answers(port), "PgBouncer answers")
        yield port
    finally:
        child.kill()
        child.wait(10)


def _answers(port: int) -> bool:
    try:
        psycopg2.connect(host="127.0.0.1", port=port, user="checkout", dbname="postgres", connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


class Pooled:
    """The test run's own PostgreSQL, for whose tests a PgBouncer lends connections by transaction."""

    def __init__(self, own_url: str, port: int) -> None:
        self._own_url, self._port = own_url, port

    def url(self, database: str = "postgres") -> str:
        """Databases are made and dropped without the pooler, which would hold connections to them."""
        if database == "postgres":
            return self._own_url
        return f"postgresql+psycopg2://checkout@127.0.0.1:{self._port}/pooled_{database}?pooling=transaction"
