"""Statements are parsed and planned once per connection; what they answer does not change by that."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import suppress

import pytest
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.exc import DBAPIError

import checkout
from checkout import db
from checkout.db import Connection, Engine, array, command, is_data_fault, is_passing, sql, transaction
from checkout.postgres import statements
from tests.shared.factories import a_sku, stock_of

TAKE_ONE = command("UPDATE skus SET stock = stock - 1 WHERE id = 'a'")


class Changed(Exception):
    """Somebody thinks better of it."""


def prepared(connection: Connection) -> int:
    return int(connection.execute(sql("SELECT count(*) FROM pg_prepared_statements")).scalar_one())


def ours() -> Iterator[tuple[str, str]]:
    """Every statement that a module of the business holds, by its name."""
    for module in pkgutil.walk_packages(checkout.__path__, "checkout."):
        for name, value in vars(importlib.import_module(module.name)).items():
            several = value if isinstance(value, dict) else {"": value}
            for key, one in several.items():
                if isinstance(one, TextClause):
                    compiled = one.compile(dialect=psycopg2.dialect())  # type: ignore[no-untyped-call] # SQLAlchemy's own.
                    yield f"{module.name}.{name}{key and f'[{key}]'}", str(compiled)


@pytest.mark.parametrize(("name", "statement"), [pytest.param(*one, id=one[0]) for one in ours()])
def test_the_server_knows_the_types_of_every_statement(engine: Engine, name: str, statement: str) -> None:
    """What depends on the type of a value as it is written has to say it by a CAST."""
    del name
    if statement.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
        numbers = statements.Numbers()
        with transaction(engine) as connection:
            connection.exec_driver_sql(f"PREPARE probe AS {statement % numbers}".replace("%", "%%"))
            connection.exec_driver_sql("DEALLOCATE probe")


def test_a_statement_is_prepared_once_and_outlives_a_rollback(engine: Engine) -> None:
    statement = sql("SELECT :left || :right || :left || '%'")
    with transaction(engine) as connection:
        before = prepared(connection)
    for left, right in (("a", "b"), ("%s", "'")):
        with suppress(Changed), transaction(engine) as connection:
            assert connection.execute(statement, {"left": left, "right": right}).scalar() == f"{left}{right}{left}%"
            raise Changed
    with transaction(engine) as connection:
        assert prepared(connection) == before + 1


def test_counts_of_rows_are_those_of_the_statement(engine: Engine) -> None:
    a_sku(engine, "a", stock=1)
    a_sku(engine, "b", stock=1)
    with transaction(engine) as connection:
        add = sql("UPDATE skus SET stock = stock + :units WHERE id = ANY(CAST(:ids AS text[]))")
        assert connection.execute(add, {"units": 2, "ids": array(["a", "b", "c"])}).rowcount == 2
    assert stock_of(engine, "b") == 3


def test_statements_without_end_do_not_fill_the_server(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "MOST_STATEMENTS", 5)
    with engine.connect() as connection:
        assert [connection.execute(sql(f"SELECT {n}")).scalar() for n in range(20)] == list(range(20))
        assert prepared(connection) <= 5


def test_a_connection_whose_statements_were_forgotten_is_left(engine: Engine) -> None:
    statement = sql("SELECT id FROM skus WHERE id = :id")
    with engine.connect() as connection:
        connection.execute(statement, {"id": "1"})
        connection.exec_driver_sql("DEALLOCATE ALL")
        with pytest.raises(DBAPIError) as raised:
            connection.execute(statement, {"id": "1"})
    assert is_passing(raised.value)
    with engine.connect() as connection:
        assert connection.execute(statement, {"id": "1"}).all() == []


def test_a_command_travels_with_the_next_statement_that_has_an_answer(engine: Engine) -> None:
    others = sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7")
    with transaction(engine) as connection, engine.connect() as observer:
        connection.execute(command("SELECT pg_advisory_xact_lock(7)"))
        assert observer.execute(others).scalar() == 0
        assert connection.execute(sql("SELECT 'its own answer'")).scalar() == "its own answer"
        assert observer.execute(others).scalar() == 1


def test_commands_at_the_end_are_sent_in_their_order_and_committed(engine: Engine) -> None:
    a_sku(engine, "a", stock=1)
    with transaction(engine) as connection:
        connection.execute(TAKE_ONE)
        connection.execute(command("UPDATE skus SET stock = stock * 10 + 5 WHERE id = :id"), {"id": "a"})
    assert stock_of(engine, "a") == 5


def test_a_command_outside_a_transaction_goes_at_once(engine: Engine) -> None:
    a_sku(engine, "a", stock=1)
    with engine.connect() as connection:
        connection.execute(TAKE_ONE)
        assert stock_of(engine, "a") == 0


def test_a_command_that_fails_undoes_its_transaction_and_spoils_no_other(database_url: str, engine: Engine) -> None:
    a_sku(engine, "a", stock=1)
    only = db.connect(database_url, size=1)
    with pytest.raises(DBAPIError) as raised, transaction(only) as connection:
        for _ in range(2):
            connection.execute(TAKE_ONE)
    assert is_data_fault(raised.value)
    with transaction(only) as connection:
        connection.execute(TAKE_ONE)
    only.dispose()
    assert stock_of(engine, "a") == 0


@pytest.mark.parametrize("sent", [True, False])
def test_an_exception_undoes_commands_sent_or_not(database_url: str, engine: Engine, sent: bool) -> None:
    a_sku(engine, "a", stock=1)
    only = db.connect(database_url, size=1)
    with suppress(Changed), transaction(only) as connection:
        connection.execute(TAKE_ONE)
        if sent:
            connection.execute(sql("SELECT"))
        raise Changed
    with transaction(only) as connection:
        assert connection.execute(sql("SELECT pg_current_xact_id_if_assigned()")).scalar() is None
    only.dispose()
    assert stock_of(engine, "a") == 1


def test_a_connection_that_dies_under_a_transaction_is_replaced(database_url: str, engine: Engine) -> None:
    a_sku(engine, "a", stock=1)
    only = db.connect(database_url, size=1)
    with pytest.raises(DBAPIError) as raised, transaction(only) as connection:
        pid = connection.execute(sql("SELECT pg_backend_pid()")).scalar()
        with transaction(engine) as other:
            other.execute(sql("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
        connection.execute(TAKE_ONE)
    assert is_passing(raised.value)
    with transaction(only) as connection:
        connection.execute(TAKE_ONE)
    only.dispose()
    assert stock_of(engine, "a") == 0


def test_a_snapshot_stays_as_it_began_and_writes_nothing(engine: Engine) -> None:
    a_sku(engine, "a", stock=1)
    look = sql("SELECT stock FROM skus WHERE id = 'a'")
    with db.reading(engine) as snapshot:
        assert snapshot.execute(look).scalar() == 1
        with transaction(engine) as connection:
            connection.execute(TAKE_ONE)
        assert snapshot.execute(look).scalar() == 1
    with pytest.raises(DBAPIError, match="read-only"), db.reading(engine) as snapshot:
        snapshot.execute(TAKE_ONE)


def test_nothing_follows_a_statement_that_has_failed(engine: Engine) -> None:
    a_sku(engine, "a", stock=1)
    with pytest.raises(DBAPIError, match="has failed"), transaction(engine) as connection:
        with suppress(DBAPIError):
            connection.execute(sql("SELEC"))
        connection.execute(TAKE_ONE)
    assert stock_of(engine, "a") == 1


def test_many_values_for_one_command_stay_in_the_transaction(engine: Engine) -> None:
    a_sku(engine, "a", stock=1)
    with suppress(Changed), transaction(engine) as connection:
        connection.execute(command("UPDATE skus SET stock = :stock"), [{"stock": 5}, {"stock": 7}])
        raise Changed
    assert stock_of(engine, "a") == 1


def test_a_rollback_that_is_cut_off_leaves_nothing_open(
    database_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task's time limit may strike at any moment, and psycopg2 would not end what it did not begin."""

    def cut_off(_: Connection) -> None:
        raise Changed

    a_sku(engine, "a", stock=1)
    only = db.connect(database_url, size=1)
    with monkeypatch.context() as patched, suppress(Changed), transaction(only) as connection:
        patched.setattr(db, "_roll_back", cut_off)
        connection.execute(TAKE_ONE)
        connection.execute(sql("SELECT"))
        raise ValueError
    with transaction(only) as connection:
        connection.execute(sql("SELECT"))
    only.dispose()
    assert stock_of(engine, "a") == 1
