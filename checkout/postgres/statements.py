"""Statements that the server plans once per connection (PREPARE, EXECUTE), and that travel together.

psycopg2 has no call for either. What a batch pays for planning and for journeys is the same for one order as for two
hundred, so it is what a lone order waits for. A plan made so does not know the values: connections that prepare reach
every table by its indexes whatever the values are (`sessions.py`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from psycopg2 import errors, extensions

# Ours are constants, some dozens; a statement made anew each time must not fill the server's memory.
MOST_STATEMENTS = 500

# Another's ALTER TABLE, DEALLOCATE or pooler, or a server that a fail-over left read-only: only a new connection helps.
STALE = ("0A000", "26000", "42P05", "25006")

# Ends a statement whose answer nobody needs: it goes with the next one, in the same message.
COMMAND = "/* command */"

_PREPARABLE = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)


class Transaction:
    """An open transaction: the statements that it has not sent yet, BEGIN the first of them."""

    def __init__(self, begin: list[bytes]) -> None:
        self.unsent = begin
        self.has_failed = False  # Nothing may follow but ROLLBACK.


class Connection(extensions.connection):
    """A connection that knows what it has prepared (the call for each statement's text) and its open transaction.

    Where no transaction is open every statement goes at once.
    """

    prepares = True
    first = b""  # Goes before each transaction's statements, where the connection is only lent.

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.calls: dict[str, str] = {}
        self.numbers = itertools.count(1)
        self.transaction: Transaction | None = None


class Cursor(extensions.cursor):
    """Prepares a statement when it first meets it, executes it by its name from then on, and holds commands back."""

    connection: Connection

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's own name
        transaction = self.connection.transaction
        if transaction is None:
            first = self.connection.first
            if first:
                super().execute(first + b";" + self.mogrify(query, vars))
            else:
                super().execute(self._call(query, vars), vars)
            return
        if transaction.has_failed:
            raise errors.InFailedSqlTransaction("an earlier statement of this transaction has failed")
        try:
            transaction.unsent.append(self.mogrify(self._call(query, vars), vars))
            if not query.endswith(COMMAND):
                super().execute(b"\n;".join(transaction.unsent))
                transaction.unsent.clear()
        except BaseException:
            transaction.has_failed = True
            raise

    def executemany(self, query: Any, vars_list: Any) -> None:
        for values in vars_list:
            self.execute(query, values)

    def _call(self, query: Any, values: Any) -> Any:
        return self.connection.calls.get(query) or self._prepared(query, values)

    def _prepared(self, query: Any, values: Any) -> Any:
        connection = self.connection
        calls = connection.calls
        is_full = len(calls) >= MOST_STATEMENTS
        if is_full or not connection.prepares or not isinstance(values, Mapping) or not _PREPARABLE.match(query):
            return query
        numbers = Numbers()
        name = f"statement_{next(connection.numbers)}"
        super().execute(f"PREPARE {name} AS {query % numbers}")
        arguments = ", ".join(f"%({parameter})s" for parameter in numbers)
        calls[query] = f"EXECUTE {name} ({arguments})" if arguments else f"EXECUTE {name}"
        return calls[query]


class Numbers(dict[str, str]):
    """`$1`, `$2`, … for the parameters of a statement, in the order in which they first stand there."""

    def __missing__(self, name: str) -> str:
        self[name] = f"${len(self) + 1}"
        return self[name]
