"""A session with PostgreSQL: what it is told first, how long anybody waits for it, and when it is not used again.

Behind a pooler that lends connections for one transaction there is no session: what it would be told goes with each
transaction, and nothing is prepared (https://www.pgbouncer.org/features.html).
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg2
from psycopg2 import extensions
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from checkout.errors import SettingsError
from checkout.postgres import statements

OLDEST_VERSION = 15
POOLING = "pooling"
CONNECT_SECONDS = 3
# Longer than any statement may run. Several in one message get here only by waiting for one lock after the other, or
# in a network that swallows packets; either way the caller tries again.
SILENCE_SECONDS = 15


# A connection that sat idle for longer is looked at before it is used; the answer comes at once, or never.
IDLE_SECONDS = 20.0
IDLE_ANSWER_SECONDS = 2.0
# The kernel notices a peer that is gone, also while we wait for its answer.
KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


# Every serving statement reaches few rows by an index, however many there are. Left free, the planner would read a
# small table whole, and would go on to do so while it grows, until somebody analysed it.
BY_INDEX = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",  # Of tables that were analysed while they were empty it would keep all for each row.
    "random_page_cost": "1.1",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",  # One plan fits all values, so none is made twice.
}


class PatientConnection(statements.Connection):
    silence_seconds: float = CONNECT_SECONDS  # Of one that is being made; `begin` gives it the time of a statement.


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


def refuse_what_cannot_serve(raw: Any, _record: ConnectionPoolEntry) -> None:
    if raw.server_version < OLDEST_VERSION * 10_000:
        found = raw.get_parameter_status("server_version")
        raise SettingsError(f"the server is PostgreSQL {found}: {OLDEST_VERSION} or newer is needed")
    encoding = raw.get_parameter_status("server_encoding")
    if encoding != "UTF8":
        raise SettingsError(f"the database is encoded in {encoding}: make one with ENCODING 'UTF8'")


def begin(values: Mapping[str, str], silence_seconds: float, *, is_lent: bool) -> Callable[..., None]:
    """Sets what a session needs with its first statement: PgBouncer refuses `options` in the startup message."""

    def begun(raw: Any, _record: ConnectionPoolEntry) -> None:
        raw.silence_seconds = silence_seconds
        if is_lent:
            raw.first = _settings(values, is_local=True).encode()
        else:
            with raw.cursor() as cursor:
                cursor.execute(_settings(values, is_local=False))

    return begun


def _settings(values: Mapping[str, str], *, is_local: bool) -> str:
    told = (f"set_config('{name}', '{value}', {str(is_local).lower()})" for name, value in values.items())
    return f"SELECT {', '.join(told)}"


def address(url: str) -> tuple[URL, bool]:
    """Where to connect to, and whether a pooler there lends its connections for one transaction each.

    `?pooling=transaction` at the end of our address says so. Raises SettingsError.
    """
    try:
        parts = make_url(url)
    except ArgumentError as error:
        raise SettingsError("the database's address cannot be read") from error
    pooling = parts.query.get(POOLING, "session")
    if pooling not in ("session", "transaction"):
        raise SettingsError(f"?{POOLING}= is session or transaction")
    return parts.difference_update_query([POOLING]), pooling == "transaction"


def note_the_time(_raw: Any, record: ConnectionPoolEntry) -> None:
    record.info["since"] = time.monotonic()


def look_at_what_sat_idle(raw: Any, record: ConnectionPoolEntry, _: object) -> None:
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
