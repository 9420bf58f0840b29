"""A real PgBouncer before a PostgreSQL of ours, where it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg2

from sandbox import ports, postgres, process

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
_START_SECONDS = 30.0
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
    """The port of a PgBouncer of that mode before all databases of the server, which listens at a socket.

    Raises FileNotFoundError where there is none.
    """
    host, port = parse_qs(urlsplit(server_url).query)["host"][0], ports.free()
    file = directory / "pgbouncer.ini"
    if PGBOUNCER is None:
        raise FileNotFoundError("PgBouncer is not installed here")
    file.write_text(_INI.format(host=host, port=port, mode=mode), encoding="utf-8")
    become = postgres.identity(directory)  # It refuses to run as root, too.
    with (directory / "pgbouncer.log").open("ab") as output:
        command = [PGBOUNCER, str(file)]
        child = process.start(command, environment={}, output=output, directory=directory, become=become)
    try:
        if not process.becomes_ready(child, lambda: _answers(port), _START_SECONDS):
            raise RuntimeError("PgBouncer did not start")
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
