"""Statements are parsed and planned once per connection; what they answer does not change by that."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.exc import DBAPIError

import checkout
from checkout import statements
from checkout.db import Connection, Engine, array, is_passing, sql, transaction
from tests.factories import a_sku, stock_of


def prepared(connection: Connection) -> int:
    return int(connection.execute(sql("SELECT count(*) FROM pg_prepared_statements")).scalar_one())


def ours() -> Iterator[tuple[str, str]]:
    """Every statement that a module of the business holds, by its name."""
    for module in pkgutil.walk_packages(checkout.__path__, "checkout."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, TextClause):
                compiled = value.compile(dialect=psycopg2.dialect())  # type: ignore[no-untyped-call] # SQLAlchemy's own.
                yield f"{module.name}.{name}", str(compiled)


@pytest.mark.parametrize(("name", "statement"), [pytest.param(*one, id=one[0]) for one in ours()])
def test_the_server_knows_the_types_of_every_statement(engine: Engine, name: str, statement: str) -> None:
    """What depends on the type of a value as it is written has to say it by a CAST."""
    del name
    if statement.lstrip().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
        numbers = statements.Numbers()
        with transaction(engine) as connection:
            connection.exec_driver_sql(f"PREPARE probe AS {statement % numbers}")
            connection.exec_driver_sql("DEALLOCATE probe")


def test_a_statement_is_prepared_once_and_outlives_a_rollback(engine: Engine) -> None:
    statement = sql("SELECT :left || :right || :left || '%'")
    with engine.connect() as connection:
        before = prepared(connection)
        for left, right in (("a", "b"), ("%s", "'")):
            assert connection.execute(statement, {"left": left, "right": right}).scalar() == f"{left}{right}{left}%"
            connection.rollback()
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
