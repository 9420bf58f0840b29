"""What PostgreSQL does not do is counted by its reason, so that an operator sees it on the dashboard."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy.exc import DBAPIError

from checkout import db
from checkout.db import Connection, Engine, sql, transaction
from checkout.metrics import counting
from checkout.postgres import faults
from checkout.resources import Resources
from tests.shared import ports


def counted(reason: str) -> float:
    return counting.registry.get_sample_value("checkout_database_errors_total", {"reason": reason}) or 0.0


def holds_a_row_and_wants_it_on_another(connection: Connection) -> None:
    connection.execute(sql("INSERT INTO spus (id, sales) VALUES ('held', 0)"))
    with transaction(connection.engine) as other:
        other.execute(sql("SET LOCAL lock_timeout = 1"))
        other.execute(sql("INSERT INTO spus (id, sales) VALUES ('held', 0)"))


def takes_too_long(connection: Connection) -> None:
    connection.execute(sql("SET LOCAL statement_timeout = 1"))
    connection.execute(sql("SELECT pg_sleep(60)"))


def breaks_a_constraint(connection: Connection) -> None:
    connection.execute(sql("INSERT INTO spus (id, sales) VALUES ('x', -1)"))


def is_ended_by_an_administrator(connection: Connection) -> None:
    connection.execute(sql("SELECT pg_terminate_backend(pg_backend_pid())"))


def has_a_typing_error(connection: Connection) -> None:
    connection.execute(sql("SELEC 1"))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (holds_a_row_and_wants_it_on_another, "lock"),
        (takes_too_long, "timeout"),
        (breaks_a_constraint, "data"),
        (is_ended_by_an_administrator, "unreachable"),
        (has_a_typing_error, "other"),
    ],
)
def test_a_fault_is_counted_by_its_reason(engine: Engine, fault: Callable[[Connection], None], reason: str) -> None:
    before = counted(reason)
    with pytest.raises(DBAPIError), transaction(engine) as connection:
        fault(connection)
    assert counted(reason) == before + 1


def test_a_connection_that_was_cut_off_on_our_side_is_no_fault_of_postgresqls(engine: Engine) -> None:
    before = counted("unreachable")
    with pytest.raises(DBAPIError), transaction(engine) as connection:
        connection.connection.dbapi_connection.close()  # type: ignore[union-attr] # As a task's time limit does.
        connection.execute(sql("SELECT 1"))
    assert counted("unreachable") == before


def test_a_server_that_is_not_there_is_counted() -> None:
    before = counted("unreachable")
    engine = db.connect(f"postgresql+psycopg2://nobody@127.0.0.1:{ports.free()}/nothing")
    with pytest.raises(DBAPIError), transaction(engine):
        pass
    assert counted("unreachable") == before + 1


@pytest.mark.parametrize(
    ("sqlstate", "reason"),
    [
        ("53100", "disk_full"),
        ("53300", "too_many_connections"),
        ("53400", "resources"),
        ("57P03", "unreachable"),
        ("40P01", "conflict"),
        ("25006", "read_only"),
        ("0A000", "other"),
    ],
)
def test_the_longer_code_wins(sqlstate: str, reason: str) -> None:
    assert faults.reason(sqlstate) == reason


def test_a_full_disk_refuses_a_connection_without_a_code() -> None:
    assert faults.reason("", "could not open relation mapping file: No space left on device") == "disk_full"
    assert faults.reason("", "Connection refused") == "unreachable"


def test_each_reason_begins_at_zero_with_a_process_so_that_the_first_fault_has_a_rate(resources: Resources) -> None:
    assert resources.engine
    for reason in faults.REASONS:
        labels = {"reason": reason}
        assert counting.registry.get_sample_value("checkout_database_errors_total", labels) is not None, reason
