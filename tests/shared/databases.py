"""Databases for tests: copies of the migrated template, emptied and used again, since a copy costs more than a test."""

from __future__ import annotations

from contextlib import closing
from itertools import count

import psycopg2
from psycopg2.extensions import connection

from sandbox import postgres
from sandbox.postgres import Postgres

TEMPLATE = "template_checkout"

# Whoever changed the schema leaves a database that is not used again.
_SHAPE = """
    SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc)
"""
_TABLES = """
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
# Without foreign keys for a moment; the log's ids keep on growing, as they do for ever.
_EMPTY = """
    SET lock_timeout = '5s';
    SET session_replication_role = replica;
    {deletes}
    INSERT INTO relay DEFAULT VALUES;
    SELECT setval('orders_id_seq', 1, false);
"""


class Databases:
    """Hands out empty databases of one server."""

    def __init__(self, server: Postgres) -> None:
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
        postgres.create_database(self._server.url(), name, template=TEMPLATE)
        if self._shape is None:  # As no test has touched it yet.
            with closing(self._connect(name)) as opened, opened.cursor() as cursor:
                cursor.execute(_SHAPE)
                self._shape = cursor.fetchone()
                cursor.execute(_TABLES)
                self._tables = [table for (table,) in cursor.fetchall()]
        return name

    def give_back(self, name: str) -> None:
        """Empties the database for the next test, or drops it when the test has changed its tables."""
        if self._empty(name):
            self._free.append(name)
        else:
            postgres.drop_database(self._server.url(), name)

    def _empty(self, name: str) -> bool:
        deletes = " ".join(f"DELETE FROM {table};" for table in self._tables)
        try:
            with closing(self._connect(name)) as opened, opened, opened.cursor() as cursor:
                cursor.execute(_SHAPE)
                if cursor.fetchone() != self._shape:
                    return False
                cursor.execute(_EMPTY.format(deletes=deletes))
        except psycopg2.OperationalError:
            return False  # Somebody still holds a lock there.
        return True

    def _connect(self, name: str) -> connection:
        address = self._server.url(name).replace("postgresql+psycopg2://", "postgresql://", 1)
        return psycopg2.connect(address, connect_timeout=30)
