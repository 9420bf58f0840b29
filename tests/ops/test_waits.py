"""The doctor sees who holds a lock, which orders wait for a worker, and what needs a person."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest

from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Connection, Engine, sql, transaction
from checkout.orders import sweep
from checkout.settings import Settings
from ops.checkup import Diagnosis, stores, waits
from tests.shared.databases import libpq
from tests.shared.factories import a_sku, an_order
from tests.shared.processes import eventually

UPDATE = "UPDATE skus SET stock = stock WHERE id = '1'"


def seen(engine: Engine, look: Callable[[Connection], Diagnosis]) -> Diagnosis:
    with transaction(engine) as connection:
        return look(connection)


@contextmanager
def session(url: str, name: str) -> Iterator[psycopg2.extensions.connection]:
    """A connection; its first statement opens a transaction, as a person leaves one open who has forgotten it."""
    with closing(psycopg2.connect(libpq(url), application_name=name)) as connection:
        yield connection


@contextmanager
def waiting(*sessions: psycopg2.extensions.connection) -> Iterator[None]:
    """Each wants the row, one after the other, once the one that holds it has let it go."""
    for one in sessions:
        one.autocommit = True
    threads = [threading.Thread(target=lambda one=one: one.cursor().execute(UPDATE)) for one in sessions]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


def test_who_holds_a_lock_is_named_with_those_who_wait(engine: Engine, database_url: str) -> None:
    a_sku(engine)
    assert seen(engine, waits.locks).state == "ok"
    with session(database_url, "psql") as holder, session(database_url, "placing") as other:
        holder.cursor().execute(UPDATE)
        with waiting(other):
            eventually(lambda: seen(engine, waits.locks).state == "warn", "somebody has waited for a second")
            detail = seen(engine, waits.locks).detail
            holder.rollback()
        assert detail.startswith(f"{holder.info.backend_pid} (psql, idle in transaction, open for ")
        assert f" s) holds up {other.info.backend_pid} for " in detail
        assert f"SELECT pg_terminate_backend({holder.info.backend_pid})" in detail
    assert seen(engine, waits.locks).state == "ok"


def test_of_a_chain_the_first_is_named_and_one_of_long_ago_fails(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waits, "TRANSACTION_SECONDS", 0)
    a_sku(engine)
    with (
        session(database_url, "psql") as holder,
        session(database_url, "second") as second,
        session(database_url, "third") as third,
    ):
        holder.cursor().execute(UPDATE)
        with waiting(second, third):
            eventually(lambda: both_wait(engine), "both wait")
            state, detail = seen(engine, waits.locks)[1:]
            holder.rollback()
        assert (state, detail.count("holds up")) == ("fail", 1)
        assert detail.startswith(f"{holder.info.backend_pid} (psql")


def both_wait(engine: Engine) -> bool:
    with transaction(engine) as connection:
        waiters = connection.execute(sql("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")).scalar_one()
    return bool(waiters == 2)


def test_who_is_held_up_himself_says_that_it_may_be_a_lock(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table that somebody has locked whole cannot even be read."""
    monkeypatch.setattr(stores, "ANSWER_SECONDS", 1)
    with session(database_url, "psql") as holder:
        holder.cursor().execute("LOCK TABLE relay IN ACCESS EXCLUSIVE MODE")
        found = {one.name: one for one in stores.database(settings)}
    assert found["database"].state == "fail"
    assert "see the line locks" in found["database"].detail


def since(engine: Engine, seconds: int) -> None:
    with transaction(engine) as connection:
        connection.execute(
            sql("UPDATE arrivals SET since = now() - make_interval(secs => :seconds)"), {"seconds": seconds}
        )


def test_orders_that_no_worker_takes(engine: Engine) -> None:
    a_sku(engine)
    assert seen(engine, waits.orders) == ("orders", "ok", "no order waits to be placed")
    for _ in range(2):
        an_order(engine)
    assert seen(engine, waits.orders).state == "ok"
    since(engine, 6)
    assert seen(engine, waits.orders).state == "warn"
    since(engine, 31)
    found = seen(engine, waits.orders)
    assert found.state == "fail"
    assert found.detail.startswith("2 wait to be placed, the oldest for 31 s: see the lines locks, workers and beat")


def test_what_needs_a_person_is_counted_money_first(engine: Engine) -> None:
    a_sku(engine)
    assert seen(engine, waits.stuck).state == "ok"
    an_order(engine)
    since(engine, 61)
    with transaction(engine) as connection:
        alarms.raise_alarm(connection, Alarm("trade_differs", "20261127", "two trades for one attempt"))
        assert sweep.overdue(connection).oldest is not None
    found = seen(engine, waits.stuck)
    assert (found.name, found.state) == ("stuck", "warn")
    assert found.detail == "1 trade_differs, 1 order_not_placed: checkout stuck says what to do about each"
