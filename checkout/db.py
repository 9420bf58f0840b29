"""The way to PostgreSQL: one engine a process, transactions that commit here and nowhere else, bounded waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import msgspec
import psycopg2
from psycopg2 import extensions
from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from checkout.metrics import measures
from checkout.postgres import faults, sessions, statements

__all__ = [
    "SCHEMA_VERSION",
    "Connection",
    "Engine",
    "array",
    "command",
    "connect",
    "is_data_fault",
    "is_lent",
    "is_passing",
    "reading",
    "sql",
    "transaction",
    "verdict",
]

# The last file of migrations/ that this code knows. Other processes read it from our sessions' names.
SCHEMA_VERSION = 9
STATEMENT_SECONDS = 10
_COMMIT = text("COMMIT")
_ROLLBACK = text("ROLLBACK")


def connect(url: str, *, size: int = 4, statement_seconds: int = STATEMENT_SECONDS, by_index: bool = True) -> Engine:
    """An engine whose connections are UTC, READ COMMITTED, and give up rather than wait for ever.

    Outside `transaction` and `reading` each statement is a transaction of its own. `by_index` is for serving; whoever
    reads whole tables, like the audit, leaves the planner free. Raises SettingsError.
    """
    address, is_lent = sessions.address(url)

    class Factory(sessions.PatientConnection):
        prepares = by_index and not is_lent

    values = {
        "statement_timeout": f"{statement_seconds}s",
        "idle_in_transaction_session_timeout": f"{statement_seconds}s",
        "timezone": "UTC",
    } | (sessions.BY_INDEX if by_index else {})
    engine = create_engine(
        address,
        pool_size=size,
        max_overflow=size,
        pool_timeout=sessions.CONNECT_SECONDS,
        pool_use_lifo=True,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # They are names, phones and addresses, and errors are logged.
        connect_args={
            "application_name": f"checkout/{SCHEMA_VERSION}",
            "client_encoding": "utf8",
            **sessions.KEEPALIVES,
            "connection_factory": Factory,
            "cursor_factory": statements.Cursor,
        },
    )
    silence_seconds = statement_seconds + sessions.SILENCE_SECONDS - STATEMENT_SECONDS
    event.listen(engine, "handle_error", _leave_what_is_stale)
    event.listen(engine, "handle_error", _hide_values)
    event.listen(engine, "handle_error", _count)
    event.listen(engine, "reset", _leave_what_is_open)
    event.listen(engine, "connect", sessions.refuse_what_cannot_serve)
    event.listen(engine, "connect", sessions.begin(values, silence_seconds, is_lent=is_lent))
    event.listen(engine, "checkin", sessions.note_the_time)
    event.listen(engine, "checkout", sessions.look_at_what_sat_idle)
    return engine


def _leave_what_is_stale(context: ExceptionContext) -> None:
    if sqlstate(context.original_exception) in statements.STALE:
        context.is_disconnect = True


def _hide_values(context: ExceptionContext) -> None:
    """PostgreSQL quotes the statement, the row and the value that it refuses: names, phones and addresses."""
    error = context.original_exception
    if not sqlstate(error):
        return  # Of a connection, which may have several reasons, a line each.
    first_line = (str(error).splitlines() or [""])[0]
    # Of a value that does not fit (22) the line itself has it, after a colon.
    said = first_line.partition(': "')[0] if sqlstate(error).startswith("22") else first_line
    error.args = (said,)
    if context.sqlalchemy_exception is not None:
        name = f"({type(error).__module__}.{type(error).__name__})"
        context.sqlalchemy_exception.args = (f"{name} {said}",)


def _count(context: ExceptionContext) -> None:
    """A connection that we have cut off ourselves, as a task's time limit does, is no fault of PostgreSQL's."""
    error = context.original_exception
    if isinstance(error, psycopg2.Error) and not isinstance(error, psycopg2.InterfaceError):
        measures.database_errors.add(faults.reason(sqlstate(error), str(error)))


def _leave_what_is_open(raw: Any, record: ConnectionPoolEntry, _: object) -> None:
    """Nobody else may get a connection whose ROLLBACK was cut off, as a task's time limit can do at any moment."""
    if raw.transaction is not None or raw.info.transaction_status != extensions.TRANSACTION_STATUS_IDLE:
        record.invalidate()


def transaction(engine: Engine) -> AbstractContextManager[Connection]:
    """One transaction: commits at the end, rolls back on an exception. A lost connection leaves the pool.

    Commands inside are sent with the next statement that has an answer, at the latest with COMMIT; so is BEGIN.
    An exception while COMMIT is under way leaves open whether it was done, as a lost answer does.
    """
    # Wherever the default is another, the door's second look would be the first one's snapshot.
    return _between(engine, b"BEGIN ISOLATION LEVEL READ COMMITTED")


def reading(engine: Engine) -> AbstractContextManager[Connection]:
    """One read-only snapshot for all statements inside, so that they agree with each other."""
    return _between(engine, b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")


def is_lent(connection: Connection) -> bool:
    """Whether a pooler lends it for a transaction at a time: what belongs to a session cannot be done there."""
    return bool(_raw(connection).first)


def _raw(connection: Connection) -> statements.Connection:
    return cast("statements.Connection", connection.connection.dbapi_connection)


@contextmanager
def _between(engine: Engine, begin: bytes) -> Iterator[Connection]:
    with engine.connect() as connection:
        raw = _raw(connection)
        raw.transaction = statements.Transaction([begin, raw.first] if raw.first else [begin])
        try:
            yield connection
            connection.execute(_COMMIT)
        except BaseException:
            raw.transaction = None
            _roll_back(connection)
            raise
        raw.transaction = None


def _roll_back(connection: Connection) -> None:
    try:
        if not connection.invalidated:
            connection.execute(_ROLLBACK)
    except DBAPIError:
        connection.invalidate()  # The server rolls back what it was told on a connection that ends.


def sqlstate(error: BaseException) -> str:
    """The five characters of PostgreSQL's verdict; empty when the connection itself failed."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return getattr(origin, "pgcode", None) or ""


def verdict(error: DBAPIError) -> str:
    """PostgreSQL's verdict in a line, without the statement and its values."""
    return f"{sqlstate(error)} {str(error.orig).splitlines()[0]}"


def is_passing(error: BaseException) -> bool:
    """Connection (08), rollback (40), resources (53), operator intervention (57), locks (55), stale: try again."""
    state = sqlstate(error)
    if not state:
        return isinstance(error, DBAPIError) and isinstance(
            error.orig, (psycopg2.OperationalError, psycopg2.InterfaceError)
        )
    return state[:2] in ("08", "25", "40", "53", "55", "57") or state in statements.STALE


def is_data_fault(error: BaseException) -> bool:
    """A value that does not fit (22) or a constraint that refuses it (23): the data's own fault, for ever."""
    return sqlstate(error)[:2] in ("22", "23")


def sql(statement: str) -> TextClause:
    """A statement, written out; `:names` are bound, never formatted."""
    return text(statement)


def command(statement: str) -> TextClause:
    """A statement whose answer nobody needs: within a transaction it costs no journey, and tells its errors later."""
    return text(statement + statements.COMMAND)


def array(values: Iterable[Any]) -> str:
    """PostgreSQL's text form of an array, bound as one string: it is read far faster than ARRAY[…] of as many.

    It is JSON's form in braces, but for control characters, which JSON escapes in a way of its own.
    """
    items = list(values)
    encoded = msgspec.json.encode(items)
    if b"\\" in encoded and b"\\" in encoded.replace(b"\\\\", b"").replace(b'\\"', b""):
        return "{" + ",".join(map(_quoted, items)) + "}"
    return "{" + encoded[1:-1].decode() + "}"


def _quoted(value: object) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
