"""Databases for tests: copies of the migrated template, emptied and used again, since a copy costs more than a test."""

from __future__ import annotations

import os
from contextlib import closing
from itertools import count
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from psycopg2.extensions import connection

from checkout.events.log import Logged
from sandbox import postgres
from sandbox.pgbouncer import PGBOUNCER

TEMPLATE = "template_checkout"

OWN, OTHER, POOLED = "own", "other", "pooled"
OTHER_URL = os.environ.get("CHECKOUT_TEST_POSTGRES_URL", "")
# For modules whose statements must hold on the oldest version as well as on the one that we bring along.
on_each_version = pytest.mark.on_each_version
_SKIP = pytest.mark.skipif(not OTHER_URL, reason="CHECKOUT_TEST_POSTGRES_URL names no PostgreSQL of another version")
SERVERS = [OWN, pytest.param(OTHER, marks=_SKIP)]
# Some of these also through a PgBouncer that lends connections by transaction.
on_each_way = pytest.mark.on_each_way
_UNPOOLED = pytest.mark.skipif(not PGBOUNCER, reason="PgBouncer is not installed here")
WAYS = [*SERVERS, pytest.param(POOLED, marks=_UNPOOLED)]


class Server(Protocol):
    """A PostgreSQL on which tests make databases."""

    def url(self, database: str = "postgres") -> str: ...


class Other:
    """The PostgreSQL that CHECKOUT_TEST_POSTGRES_URL names; a prefix tells our databases there apart."""

    def __init__(self) -> None:
        self._address = urlsplit(OTHER_URL)._replace(scheme="postgresql+psycopg2")
        self._prefix = f"checkout_{os.getpid()}_"

    def url(self, database: str = "postgres") -> str:
        name = database if database == "postgres" else self._prefix + database
        return urlunsplit(self._address._replace(path=f"/{name}"))

    def clear(self) -> None:
        """Drops the databases of this process."""
        with closing(psycopg2.connect(libpq(self.url()))) as opened, opened.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (self._prefix,))
            names = [name for (name,) in cursor.fetchall()]
        for name in names:
            postgres.drop_database(self.url(), name)


class Pooled:
    """The test run's own PostgreSQL, for whose tests a PgBouncer lends connections by transaction."""

    def __init__(self, own_url: str, port: int) -> None:
        self._own_url, self._port = own_url, port

    def url(self, database: str = "postgres") -> str:
        """Databases are made and dropped without the pooler, which would hold connections to them."""
        if database == "postgres":
            return self._own_url
        return f"postgresql+psycopg2://checkout@127.0.0.1:{self._port}/pooled_{database}?pooling=transaction"


def create(server: Server, name: str, template: str | None = None) -> str:
    """Makes a database of the server, and returns its URL."""
    copied = _name(server, template) if template else None
    return postgres.create_database(server.url(), _name(server, name), template=copied)


def drop(server: Server, name: str) -> None:
    postgres.drop_database(server.url(), _name(server, name))


def _name(server: Server, database: str) -> str:
    return urlsplit(server.url(database)).path.removeprefix("/")


def libpq(url: str) -> str:
    return url.replace("postgresql+psycopg2://", "postgresql://", 1).removesuffix("?pooling=transaction")


# Whoever changed the schema leaves a database that is not used again.
_SHAPE = """
    SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc)
"""
_TABLES = """
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname <> 'schema_version'
"""
_LOG = "SELECT id, at, topic, subject, sequence, data, traceparent FROM told_events ORDER BY id"
# Without foreign keys for a moment; the log's ids keep on growing, as they do for ever.
_EMPTY = """
    SET lock_timeout = '5s';
    SET session_replication_role = replica;
    {deletes}
    INSERT INTO relay DEFAULT VALUES;
    INSERT INTO retention DEFAULT VALUES;
    SELECT setval('orders_id_seq', 1, false);
"""


class Databases:
    """Hands out empty databases of one server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._numbers = count(1)
        self._free: list[str] = []
        self._shape: object = None
        self._tables: list[str] = []

    def take(self) -> str:
        """The name of an empty, migrated database."""
        if self._free:
            return self._free.pop()
        name = f"test_{next(self._numbers)}"
        create(self._server, name, TEMPLATE)
        if self._shape is None:  # As no test has touched it yet.
            with closing(self._connect(name)) as opened, opened.cursor() as cursor:
                cursor.execute(_SHAPE)
                self._shape = cursor.fetchone()
                cursor.execute(_TABLES)
                self._tables = [table for (table,) in cursor.fetchall()]
        return name

    def give_back(self, name: str) -> list[Logged]:
        """Empties the database for the next test, and returns its log; or drops it when its tables were changed."""
        told = self._empty(name)
        if told is None:
            drop(self._server, name)
            return []
        self._free.append(name)
        return told

    def _empty(self, name: str) -> list[Logged] | None:
        deletes = " ".join(f"DELETE FROM {table};" for table in self._tables)
        try:
            with closing(self._connect(name)) as opened, opened, opened.cursor() as cursor:
                cursor.execute(_SHAPE)
                if cursor.fetchone() != self._shape:
                    return None
                cursor.execute(_LOG)
                told = [Logged(*row) for row in cursor.fetchall()]
                cursor.execute(_EMPTY.format(deletes=deletes))
        except psycopg2.OperationalError:
            return None  # Somebody still holds a lock there.
        return told

    def _connect(self, name: str) -> connection:
        return psycopg2.connect(libpq(self._server.url(name)), connect_timeout=30)
