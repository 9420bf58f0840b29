"""The database's machine dies under load and its standby takes over: nobody who was told 202 loses his order."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest

from checkout import db, settings
from checkout.stock import catalog
from checkout.stock.catalog import Item
from ops.up import RunningStack, start_stack
from sandbox import postgres
from sandbox.postgres import USER, Postgres
from tests.shared import ports
from tests.shared.command import in_a_process
from tests.shared.databases import libpq
from tests.shared.processes import eventually
from tests.stack.crowd import Crowd

pytestmark = pytest.mark.timeout(300)

DATABASE = "checkout"


class Pair:
    """A primary, and a standby that has each commit before its client hears of it."""

    def __init__(self, directory: Path) -> None:
        self._primary = Postgres(directory / "primary" / "data", fsync=False)
        self._standby = Postgres(directory / "standby" / "data", fsync=False)
        self._primary.start()
        postgres.ensure_database(self._primary.url(), DATABASE)
        self._copy()
        self._standby.start()
        self._ask(self._primary, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        self._ask(self._primary, "SELECT pg_reload_conf()")
        is_synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        eventually(lambda: self._ask(self._primary, is_synchronous) == 1, "the standby follows")

    def _copy(self) -> None:
        data_dir = self._standby.data_dir
        data_dir.parent.mkdir(mode=0o700)
        program = Path(self._primary.command()[0]).with_name("pg_basebackup")
        where = ("--host", str(self._primary.socket_dir), "--username", USER, "--pgdata", str(data_dir))
        subprocess.run([program, *where, "--write-recovery-conf", "--checkpoint=fast"], check=True, timeout=100)

    @property
    def url(self) -> str:
        """Whichever of the two takes writes."""
        hosts = ",".join(quote(str(one.socket_dir), safe="") for one in (self._primary, self._standby))
        return f"postgresql+psycopg2://{USER}@/{DATABASE}?host={hosts}&port=5432,5432&target_session_attrs=read-write"

    def fail_over(self) -> None:
        """The primary is gone from one instant to the next."""
        pid = int((self._primary.data_dir / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        os.kill(pid, signal.SIGQUIT)
        eventually(lambda: not self._primary.ready(), "the primary is gone")
        assert self._ask(self._standby, "SELECT pg_promote(true, 60)") is True

    def close(self) -> None:
        self._standby.stop()
        self._primary.stop()

    @staticmethod
    def _ask(server: Postgres, statement: str) -> object:
        with closing(psycopg2.connect(libpq(server.url()))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                rows = cursor.fetchall() if cursor.description else [(None,)]
                return rows[0][0]


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as undo:
        made = Pair(tmp_path_factory.mktemp("pair"))
        undo.callback(made.close)
        yield made


@pytest.fixture
def stack(pair: Pair, tmp_path: Path) -> Iterator[RunningStack]:
    own = {name: value for name, value in settings.environment().items() if not name.startswith("CHECKOUT_")}
    own |= {"CHECKOUT_DATABASE_URL": pair.url, "CHECKOUT_MAX_OPEN_ORDERS": "0"}
    api, flower, alipay = ports.free(), ports.free(), ports.free()
    with start_stack(tmp_path / "stack", port=api, flower_port=flower, alipay_port=alipay, environ=own) as running:
        yield running


def test_a_fail_over_under_load_costs_503_and_no_order(pair: Pair, stack: RunningStack) -> None:
    engine = db.connect(pair.url)
    with db.transaction(engine) as connection:
        catalog.load(connection, [Item("hot", "hot", "goods", "1.00", 1_000_000)])
    crowd = Crowd(stack.api_url, settings.parse(settings.stored(stack.data_dir)), "hot")
    with crowd.buying():
        crowd.wait_for_more()
        pair.fail_over()
        crowd.wait_for_more()
    engine.dispose()  # Its connections ended with the primary.
    crowd.assert_no_order_is_lost(engine)
    engine.dispose()
    audit = in_a_process("audit", f"--data-dir={stack.data_dir}", environment={"CHECKOUT_DATABASE_URL": pair.url})
    assert audit.returncode == 0, audit.stdout
