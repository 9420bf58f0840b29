"""Statements that the server parses and plans once per connection instead of each time (PREPARE, EXECUTE).

psycopg2 has no call for that. What a batch pays for planning is the same for one order as for two hundred, so it is
what a lone order waits for. A plan made so does not know the values: connections that use this cursor reach every
table by its indexes whatever the values are (`checkout/db.py`).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from psycopg2 import extensions

# Ours are constants, some dozens; a statement made anew each time must not fill the server's memory.
MOST_STATEMENTS = 500

# Another's ALTER TABLE, DEALLOCATE or pooler: only a new connection is of use.
STALE = ("0A000", "26000", "42P05")

_PREPARABLE = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)


class Connection(extensions.connection):
    """A connection that knows what it has prepared: the call for each statement's text."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.calls: dict[str, str] = {}
        self.numbers = itertools.count(1)


class Cursor(extensions.cursor):
    """Prepares a statement when it first meets it, and executes it by its name from then on."""

    connection: Connection

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's own name
        super().execute(self.connection.calls.get(query) or self._prepared(query, vars), vars)

    def _prepared(self, query: Any, values: Any) -> Any:
        calls = self.connection.calls
        if not isinstance(values, Mapping) or len(calls) >= MOST_STATEMENTS or not _PREPARABLE.match(query):
            return query
        numbers = Numbers()
        name = f"statement_{next(self.connection.numbers)}"
        super().execute(f"PREPARE {name} AS {query % numbers}")
        arguments = ", ".join(f"%({parameter})s" for parameter in numbers)
        calls[query] = f"EXECUTE {name} ({arguments})" if arguments else f"EXECUTE {name}"
        return calls[query]


class Numbers(dict[str, str]):
    """`$1`, `$2`, … for the parameters of a statement, in the order in which they first stand there."""

    def __missing__(self, name: str) -> str:
        self[name] = f"${len(self) + 1}"
        return self[name]
