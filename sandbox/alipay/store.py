"""Everything the gateway remembers: one SQLite file, one connection, one lock."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS offers (
    token TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL, product TEXT NOT NULL, total_fen INTEGER NOT NULL,
    subject TEXT NOT NULL, body TEXT NOT NULL, passback_params TEXT NOT NULL, notify_url TEXT NOT NULL,
    return_url TEXT NOT NULL, quit_url TEXT NOT NULL, charset TEXT NOT NULL, certified INTEGER NOT NULL,
    time_expire REAL, timeout REAL NOT NULL, first_shown_at REAL NOT NULL, shown_at REAL NOT NULL,
    installments TEXT NOT NULL DEFAULT '', buyer TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS offers_by_order ON offers (out_trade_no);
CREATE TABLE IF NOT EXISTS trades (
    trade_no TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL UNIQUE, token TEXT NOT NULL REFERENCES offers,
    status TEXT NOT NULL, refunded_fen INTEGER NOT NULL DEFAULT 0, expires_at REAL NOT NULL, created_at REAL NOT NULL,
    paid_at REAL, closed_at REAL, finished_at REAL);
CREATE INDEX IF NOT EXISTS trades_to_expire ON trades (expires_at) WHERE status = 'WAIT_BUYER_PAY';
CREATE TABLE IF NOT EXISTS refunds (
    trade_no TEXT NOT NULL REFERENCES trades, out_request_no TEXT NOT NULL, amount_fen INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, external INTEGER NOT NULL, asked_at REAL NOT NULL, due_at REAL NOT NULL,
    done_at REAL, PRIMARY KEY (trade_no, out_request_no));
CREATE INDEX IF NOT EXISTS refunds_pending ON refunds (due_at) WHERE state = 'pending';
CREATE TABLE IF NOT EXISTS late_buyers (token TEXT PRIMARY KEY, due_at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS notifies (
    number INTEGER PRIMARY KEY, notify_id TEXT NOT NULL UNIQUE, trade_no TEXT NOT NULL REFERENCES trades,
    event TEXT NOT NULL, params TEXT NOT NULL, state TEXT NOT NULL, held INTEGER NOT NULL, copies INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, made_at REAL NOT NULL, due_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS notifies_due ON notifies (due_at) WHERE state = 'due';
CREATE INDEX IF NOT EXISTS notifies_of_trade ON notifies (trade_no);
CREATE TABLE IF NOT EXISTS attempts (
    notify_id TEXT NOT NULL REFERENCES notifies (notify_id), at REAL NOT NULL, outcome TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_of_notify ON attempts (notify_id);
CREATE TABLE IF NOT EXISTS fault_rules (
    id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, seen INTEGER NOT NULL, hits INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS closed_days (day TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS downloads (
    file_id TEXT PRIMARY KEY, bill_type TEXT NOT NULL, period TEXT NOT NULL, expires_at REAL NOT NULL);
"""


class Store:
    """Transactions nest: the outermost one commits, and an exception undoes all of it."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, cached_statements=256)
        file.chmod(0o600)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)
        known = {row["name"] for row in self._connection.execute("PRAGMA table_info(offers)")}
        for name in {"installments", "buyer"} - known:  # A data directory of before.
            self._connection.execute(f"ALTER TABLE offers ADD COLUMN {name} TEXT NOT NULL DEFAULT ''")
        self._lock = threading.RLock()
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def run(self, sql: str, *args: Any) -> int:
        """Execute one statement; returns how many rows it changed."""
        with self._lock:
            return self._connection.execute(sql, args).rowcount

    def one(self, sql: str, *args: Any) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(sql, args).fetchone()
            return row

    def all(self, sql: str, *args: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(sql, args).fetchall()

    def insert(self, table: str, **values: Any) -> int:
        """Insert one row; table and column names come from this package, never from outside."""
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608 - names are ours
        with self._lock:
            return self._connection.execute(sql, tuple(values.values())).lastrowid or 0
