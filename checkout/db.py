"""The way to PostgreSQL: one engine a process, transactions that commit here and nowhere else, bounded waits."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

import msgspec
import psycopg2
from psycopg2 import extensions
from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from checkout import statements
from checkout.errors import SettingsError

__all__ = [
    "SCHEMA_VERSION",
    "Connection",
    "Engine",
    "array",
    "command",
    "connect",
    "is_data_fault",
    "is_passing",
    "reading",
    "sql",
    "transaction",
    "verdict",
]

OLDEST_VERSION = 15
# The last file of migrations/ that this code knows. Other processes read it from our sessions' names.
SCHEMA_VERSION = 7
CONNECT_SECONDS = 3
STATEMENT_SECONDS = 10
# Longer than any statement may run. Several in one message get here only by waiting for one lock after the other, or
# in a network that swallows packets; either way the caller tries again.
SILENCE_SECONDS = 15


# A connection that sat idle for longer is looked at before it is used; the answer comes at once, or never.
IDLE_SECONDS = 20.0
IDLE_ANSWER_SECONDS = 2.0
# The kernel notices a peer that is gone, also while we wait for its answer.
_KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


# Every serving statement reaches few rows by an index, however many there are. Left free, the planner would read a
# small table whole, and would go on to do so while it grows, until somebody analysed it.
_BY_INDEX = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",  # Of tables that were analysed while they were empty it would keep all for each row.
    "random_page_cost": "1.1",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # One plan fits all values, so none is made twice.
}


class _PatientConnection(statements.Connection):
    silence_seconds: float = CONNECT_SECONDS  # Of one that is being made; `_begin` gives it the time of a statement.


def _wait(connection: extensions.connection) -> None:
    """libpq's wait with an end: a dead network would otherwise hang us for ever. Its `connect_timeout` ends here."""
    deadline = time.monotonic() + getattr(connection, "silence_seconds", SILENCE_SECONDS)
    while True:
        state = connection.poll()
        if state == extensions.POLL_OK:
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise psycopg2.OperationalError("the database has not answered in time")
        poller = select.poll()
        poller.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        poller.poll(left * 1000)


extensions.set_wait_callback(_wait)

_COMMIT = text("COMMIT")
_ROLLBACK = text("ROLLBACK")


def connect(url: str, *, size: int = 4, statement_seconds: int = STATEMENT_SECONDS, by_index: bool = True) -> Engine:
    """An engine whose connections are UTC, READ COMMITTED, and give up rather than wait for ever.

    Outside `transaction` and `reading` each statement is a transaction of its own. `by_index` is for serving; whoever
    reads whole tables, like the audit, leaves the planner free.
    """

    class Factory(_PatientConnection):
        prepares = by_index

    values = {
        # Without it the door's second look would be the first one's snapshot, wherever the default is another.
        "default_transaction_isolation": "read committed",
        "statement_timeout": f"{statement_seconds}s",
        "idle_in_transaction_session_timeout": f"{statement_seconds}s",
        "timezone": "UTC",
    } | (_BY_INDEX if by_index else {})
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=size,
        pool_timeout=CONNECT_SECONDS,
        pool_use_lifo=True,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # They are names, phones and addresses, and errors are logged.
        connect_args={
            "application_name": f"checkout/{SCHEMA_VERSION}",
            "client_encoding": "utf8",
            **_KEEPALIVES,
            "connection_factory": Factory,
            "cursor_factory": statements.Cursor,
        },
    )
    event.listen(engine, "handle_error", _leave_what_is_stale)
    event.listen(engine, "handle_error", _hide_values)
    event.listen(engine, "reset", _leave_what_is_open)
    event.listen(engine, "connect", _refuse_what_cannot_serve)
    event.listen(engine, "connect", _begin(values, statement_seconds + SILENCE_SECONDS - STATEMENT_SECONDS))
    event.listen(engine, "checkin", _note_the_time)
    event.listen(engine, "checkout", _look_at_what_sat_idle)
    return engine


def _refuse_what_cannot_serve(raw: Any, _record: ConnectionPoolEntry) -> None:
    if raw.server_version < OLDEST_VERSION * 10_000:
        found = raw.get_parameter_status("server_version")
        raise SettingsError(f"the server is PostgreSQL {found}: {OLDEST_VERSION} or newer is needed")
    encoding = raw.get_parameter_status("server_encoding")
    if encoding != "UTF8":
        raise SettingsError(f"the database is encoded in {encoding}: make one with ENCODING 'UTF8'")


def _begin(values: Mapping[str, str], silence_seconds: float) -> Callable[[Any, ConnectionPoolEntry], None]:
    """Sets what a session needs with its first statement: PgBouncer refuses `options` in the startup message."""
    settings = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in values.items())

    def begin(raw: Any, _record: ConnectionPoolEntry) -> None:
        raw.silence_seconds = silence_seconds
        with raw.cursor() as cursor:
            cursor.execute(f"SELECT {settings}")

    return begin


def _note_the_time(_raw: Any, record: ConnectionPoolEntry) -> None:
    record.info["since"] = time.monotonic()


def _look_at_what_sat_idle(raw: Any, record: ConnectionPoolEntry, _: object) -> None:
    """Servers and firewalls end what sits idle, some without a word; nothing was sent, so a new one is safe."""
    if time.monotonic() < record.info.get("since", time.monotonic()) + IDLE_SECONDS:
        return
    silence, raw.silence_seconds = raw.silence_seconds, IDLE_ANSWER_SECONDS
    try:
        with raw.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise DisconnectionError("the connection sat idle, and is gone") from error
    finally:
        raw.silence_seconds = silence


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


def _leave_what_is_open(raw: Any, record: ConnectionPoolEntry, _: object) -> None:
    """Nobody else may get a connection whose ROLLBACK was cut off, as a task's time limit can do at any moment."""
    if raw.transaction is not None or raw.info.transaction_status != extensions.TRANSACTION_STATUS_IDLE:
        record.invalidate()


def transaction(engine: Engine) -> AbstractContextManager[Connection]:
    """One transaction: commits at the end, rolls back on an exception. A lost connection leaves the pool.

    Commands inside are sent with the next statement that has an answer, at the latest with COMMIT; so is BEGIN.
    An exception while COMMIT is under way leaves open whether it was done, as a lost answer does.
    """
    return _between(engine, b"BEGIN")


def reading(engine: Engine) -> AbstractContextManager[Connection]:
    """One read-only snapshot for all statements inside, so that they agree with each other."""
    return _between(engine, b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")


@contextmanager
def _between(engine: Engine, begin: bytes) -> Iterator[Connection]:
    with engine.connect() as connection:
        raw = cast("statements.Connection", connection.connection.dbapi_connection)
        raw.transaction = statements.Transaction(begin)
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
