"""A connection that is of no use any more is left for a new one, and a database that is of none is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psycopg2
import pytest
from sqlalchemy.exc import DBAPIError

from checkout import db
from checkout.db import Engine, is_passing, sql, transaction
from checkout.errors import SettingsError
from checkout.postgres import sessions
from ops.shell import reason
from tests.shared.command import in_a_process
from tests.shared.databases import Server, create, drop
from tests.shared.factories import a_sku, stock_of
from tests.shared.processes import eventually


@pytest.fixture
def only(database_url: str) -> Iterator[Engine]:
    """A pool of one connection."""
    made = db.connect(database_url, size=1)
    yield made
    made.dispose()


def pid_of(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sql("SELECT pg_backend_pid()")).scalar_one())


def take_one(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE skus SET stock = stock - 1"))


def test_a_node_that_became_read_only_is_left(only: Engine, engine: Engine) -> None:
    a_sku(engine, stock=1)
    with only.connect() as connection:
        connection.execute(sql("SET default_transaction_read_only = on"))
    with pytest.raises(DBAPIError) as raised:
        take_one(only)
    assert is_passing(raised.value)
    take_one(only)
    assert stock_of(engine) == 0


@pytest.fixture
def ended(only: Engine, engine: Engine) -> Engine:
    """The server has ended what sat idle, and the pool does not know."""
    pid = pid_of(only)
    with transaction(engine) as connection:
        connection.execute(sql("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
    return only


def test_a_connection_that_was_ended_while_it_sat_idle_is_replaced(
    ended: Engine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_sku(engine, stock=1)
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 0.0)
    take_one(ended)
    assert stock_of(engine) == 0


def test_without_a_look_the_first_one_would_hear_of_it(ended: Engine) -> None:
    """The negative control."""
    with pytest.raises(DBAPIError):
        take_one(ended)


def test_a_connection_that_answers_nothing_any_more_is_replaced(
    only: Engine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall that forgot it swallows what is sent: as the server's end does while it is stopped."""
    a_sku(engine, stock=1)
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(sessions, "IDLE_ANSWER_SECONDS", 0.2)
    pid = pid_of(only)
    os.kill(pid, signal.SIGSTOP)
    try:
        take_one(only)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (stock_of(engine), pid_of(only) != pid) == (0, True)


@pytest.fixture
def own_database(server: Server, template: str) -> Iterator[str]:
    """A database whose settings a test may change."""
    yield create(server, "connections", template=template)
    drop(server, "connections")


@pytest.mark.parametrize("default", ["serializable", "repeatable read"])
def test_the_isolation_does_not_depend_on_the_databases_default(
    own_database: str, server: Server, default: str
) -> None:
    everywhere = db.connect(server.url(), size=1)
    with everywhere.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE connections SET default_transaction_isolation = '{default}'")
        connection.exec_driver_sql("ALTER DATABASE connections SET client_encoding = 'EUC_CN'")
    everywhere.dispose()
    own = db.connect(own_database, size=1)
    with transaction(own) as connection:
        assert connection.execute(sql("SHOW transaction_isolation")).scalar() == "read committed"
        assert connection.execute(
            sql("SELECT :emoji || current_setting('client_encoding')"), {"emoji": "😀"}
        ).scalar() in (*("😀utf8", "😀UTF8"),)
    own.dispose()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "EUC_CN"])
def test_a_database_that_is_not_utf8_is_refused(server: Server, environment: dict[str, str], encoding: str) -> None:
    name = f"encoded_{encoding.lower()}"
    everywhere = db.connect(server.url(), size=1)
    with everywhere.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0"
        )
    own = db.connect(server.url(name), size=1)
    with pytest.raises(SettingsError, match=f"encoded in {encoding}"):
        own.connect()
    done = in_a_process("migrate", environment=environment | {"CHECKOUT_DATABASE_URL": server.url(name)})
    assert done.returncode == 1
    assert done.stderr == f"Error: the database is encoded in {encoding}: make one with ENCODING 'UTF8'\n"
    own.dispose()
    everywhere.dispose()
    drop(server, name)


def test_a_role_without_a_connection_left_is_told_so(server: Server) -> None:
    everywhere = db.connect(server.url(), size=1)
    with everywhere.connect() as connection:
        connection.exec_driver_sql("CREATE ROLE few LOGIN CONNECTION LIMIT 1")
    url = server.url().replace("://checkout@", "://few@")
    few = db.connect(url, size=1)
    with few.connect():
        others = db.connect(url, size=1)
        with pytest.raises(DBAPIError) as raised:
            others.connect()
        assert "no connection left" in reason(raised.value)
    few.dispose()

    def is_dropped() -> bool:
        with everywhere.connect() as connection:
            try:
                connection.exec_driver_sql("DROP ROLE few")
            except psycopg2.Error:
                return False
        return True

    eventually(is_dropped, "nobody needs the role any more")
    everywhere.dispose()
