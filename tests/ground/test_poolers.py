"""PgBouncer between us and PostgreSQL: by session it serves, by transaction it is refused at the start."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg2
import pytest

from checkout import db, settings, startup
from checkout.db import sql, transaction
from sandbox import postgres, process
from tests.shared import ports
from tests.shared.factories import a_sku, order, placed
from tests.shared.processes import eventually

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = pytest.mark.skipif(not PGBOUNCER, reason="PgBouncer is not installed here")

Pooled = Callable[[str], str]
_INI = """
[databases]
* = host={host} port=5432 user=checkout
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = {mode}
unix_socket_dir =
"""


@pytest.fixture
def pooled(database_url: str, tmp_path: Path) -> Iterator[Pooled]:
    """The address of the test's database through a PgBouncer of that mode."""
    parts, port = urlsplit(database_url), ports.free()
    host, name = parse_qs(parts.query)["host"][0], parts.path.removeprefix("/")
    children = []

    def start(mode: str) -> str:
        file = tmp_path / "pgbouncer.ini"
        file.write_text(_INI.format(host=host, port=port, mode=mode), encoding="utf-8")
        become = postgres._identity(tmp_path)  # It refuses to run as root, too.
        with (tmp_path / "pgbouncer.log").open("ab") as output:
            command = [PGBOUNCER or "", str(file)]
            children.append(process.start(command, environment={}, output=output, directory=tmp_path, become=become))
        eventually(lambda: _answers(port, name), "PgBouncer answers")
        return f"postgresql+psycopg2://checkout@127.0.0.1:{port}/{name}"

    yield start
    for child in children:
        child.kill()
        child.wait(10)


def _answers(port: int, name: str) -> bool:
    try:
        psycopg2.connect(host="127.0.0.1", port=port, user="checkout", dbname=name, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


def test_by_session_orders_are_placed(environment: dict[str, str], pooled: Pooled) -> None:
    url = pooled("session")
    assert startup.faults(settings.parse(environment | {"CHECKOUT_DATABASE_URL": url})) == []
    engine = db.connect(url, size=2)
    with transaction(engine) as connection:
        assert connection.execute(sql("SHOW statement_timeout")).scalar() == "10s"
        assert connection.execute(sql("SHOW enable_seqscan")).scalar() == "off"
    a_sku(engine)
    assert order(engine, placed(engine)).status == "awaiting_payment"
    engine.dispose()


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_by_transaction_it_is_refused_with_the_cure(environment: dict[str, str], pooled: Pooled, mode: str) -> None:
    url = pooled(mode)
    [fault] = startup.faults(settings.parse(environment | {"CHECKOUT_DATABASE_URL": url}))
    assert not fault.may_pass
    assert "set pool_mode = session" in fault.says
