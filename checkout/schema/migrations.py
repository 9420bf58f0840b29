"""`checkout migrate`: an empty database gets `schema.sql`, an older one the files of `migrations/` while it serves.

A file is a list of steps, each between two lines `-- step`. A step is one transaction; `-- step: alone` marks
statements that must not be in one, such as CREATE INDEX CONCURRENTLY, which has to be repeatable; `-- step: batches`
one that is repeated, a transaction each, until it changes no row. After `-- finish` stands what has to wait until no
process of older code runs: `checkout migrate --finish` does it. What was done is recorded with it, so that an
interrupted run goes on. Every lock is waited for only shortly, because whoever comes later waits behind us.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.exc import DBAPIError

from checkout import schema
from checkout.db import SCHEMA_VERSION, Connection, Engine, is_lent, sql, sqlstate, transaction
from checkout.errors import CheckoutError, SettingsError, Unavailable, UpgradeUnfinished
from checkout.schema import ROOT, State

MIGRATIONS = ROOT / "migrations"
LOCK_MILLISECONDS = 1000
MOST_TRIES = 30
TURN_SECONDS = 30.0
PAUSE_SECONDS = 1.0
LOOKS = 6
LOOK_SECONDS = 0.5
_KEY = 7_313_371  # of the lock that one migrating process holds; any number that nobody else uses
_BUSY = ("55P03", "40P01")
_FILE = re.compile(r"([0-9]{4})_(\w+)\.sql")
_STEP = re.compile(r"^-- step(?:: (alone|batches))?$", re.MULTILINE)
_FINISH = re.compile(r"^-- finish$", re.MULTILINE)
_OLDEST = re.compile(r"^-- oldest code: ([0-9]+)$", re.MULTILINE)

Tell = Callable[[str], None]


class NotEmpty(CheckoutError):
    """The database has tables already, and they are not ours."""

    code = "database_not_empty"


class Step(NamedTuple):
    """`kind` is empty, alone or batches."""

    kind: str
    statements: str


class Migration(NamedTuple):
    """One file: which code may still run beside the database once it is applied, and how it is applied."""

    number: int
    name: str
    oldest_code: int
    steps: Sequence[Step]
    finish: str = ""


def files() -> list[Migration]:
    """All but the first, which is the schema that a database without a number has."""
    found = [_read(path) for path in sorted(MIGRATIONS.glob("*.sql"))]
    return [migration for migration in found if migration.number > 1]


def _read(path: Path) -> Migration:
    named, text = _FILE.fullmatch(path.name), path.read_text(encoding="utf-8")
    if named is None:
        raise ValueError(f"{path.name} is no name of a migration")
    oldest = _OLDEST.search(text)
    text, *finish = _FINISH.split(text)
    parts = _STEP.split(text)
    steps = [Step(kind or "", statements.strip()) for kind, statements in zip(parts[1::2], parts[2::2], strict=True)]
    return Migration(int(named[1]), named[2], int(oldest[1]) if oldest else 1, steps, "".join(finish).strip())


def _pending(found: State) -> list[Migration]:
    return [migration for migration in files() if migration.number > found.version]


def migrate(engine: Engine, tell: Tell) -> bool:
    """Brings the database to this code's schema; False when it was there. Raises NotEmpty and Unavailable.

    The engine's statements may take as long as they need. Behind a pooler that lends by transaction it raises
    SettingsError, unless there is nothing to do.
    """
    with transaction(engine) as connection:
        before = schema.state(connection)
    if before and not _pending(before):
        return False
    with _alone(engine) as connection:
        found = schema.state(connection)
        if found is None:
            with transaction(engine) as empty:
                create(empty)
            tell("the schema is new")
            return True
        pending = _pending(found)
        for migration in pending:
            _apply(engine, migration, found if migration is pending[0] else State(migration.number - 1, 1), tell)
        return bool(pending)


def finish(engine: Engine, tell: Tell) -> bool:
    """Allows what older code would get wrong, once none of its processes is seen; False when it was allowed.

    Raises Unavailable, and UpgradeUnfinished while one of them is there; SettingsError as `migrate` does.
    """
    with transaction(engine) as connection:
        before = schema.state(connection)
        if before and before.version >= SCHEMA_VERSION and schema.is_finished(connection, before.version):
            return False
    with _alone(engine) as connection:
        found = schema.state(connection)
        if found is None or found.version < SCHEMA_VERSION:
            raise UpgradeUnfinished("the schema is not this code's yet: run checkout migrate first")
        finished = connection.execute(_FINISHED).scalar_one()
        if finished >= found.version:
            return False
        _watch(connection)
        with transaction(engine) as done:
            for migration in files():
                if migration.number > finished and migration.finish:
                    tell(f"{migration.number:04} {migration.name}: finishing")
                    done.exec_driver_sql(migration.finish.replace("%", "%%"))
            done.execute(_FINISH_ALL)
        return True


def _watch(connection: Connection) -> None:
    """Looks more than once: a process that has just begun, or rests, holds no session for a moment."""
    for look in range(LOOKS):
        time.sleep(LOOK_SECONDS if look else 0)
        if older := connection.execute(_OLDER, {"version": SCHEMA_VERSION}).all():
            names = ", ".join(sorted({f"{name} ({count})" for name, count in older}))
            raise UpgradeUnfinished(f"sessions of older code are there: {names}; end those processes first")


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Holds the lock of a session without a transaction, for which CREATE INDEX CONCURRENTLY would wait."""
    with engine.connect() as connection:
        if is_lent(connection):
            raise SettingsError("a migration needs a session: name PostgreSQL itself, not the pooler before it")
        end = time.monotonic() + TURN_SECONDS
        while not connection.execute(sql("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}).scalar_one():
            if time.monotonic() > end:
                raise Unavailable("another checkout migrate is at work on this database")
            time.sleep(PAUSE_SECONDS)
        try:
            yield connection
        finally:
            connection.execute(sql("SELECT pg_advisory_unlock(:key)"), {"key": _KEY})


def create(connection: Connection) -> None:
    """Gives an empty database its schema. Raises NotEmpty for one with any table in it."""
    if found := schema.tables(connection):
        raise NotEmpty(f"the database has tables already ({', '.join(sorted(found)[:3])}, …); name an empty one")
    connection.exec_driver_sql(schema.SCHEMA.read_text(encoding="utf-8").replace("%", "%%"))


def _apply(engine: Engine, migration: Migration, found: State, tell: Tell) -> None:
    for number, step in enumerate(migration.steps[found.steps_done :], found.steps_done + 1):
        tell(f"{migration.number:04} {migration.name}: step {number} of {len(migration.steps)}")
        _patiently(lambda step=step, number=number: _run(engine, step, number, tell))  # type: ignore[misc] # Called at once.
    with transaction(engine) as connection:
        connection.execute(_DONE, {"version": migration.number, "oldest_code": migration.oldest_code})


_FINISHED = sql("SELECT finished FROM schema_version")
_FINISH_ALL = sql("UPDATE schema_version SET finished = version")
# The first code did not say its number.
_OLDER = sql("""
    SELECT application_name, count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name ~ '^checkout(/[0-9]+)?$'
        AND COALESCE(substring(application_name FROM '/([0-9]+)$')::int, 1) < :version
    GROUP BY application_name
""")
_HURRY = f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}"
_ALONE = f"SET lock_timeout = {LOCK_MILLISECONDS}"
_NOTE = sql("UPDATE schema_version SET steps_done = :number")
_DONE = sql("UPDATE schema_version SET version = :version, oldest_code = :oldest_code, steps_done = 0")


def _patiently(step: Callable[[], None]) -> None:
    """Again while somebody holds what the step needs. Raises Unavailable when that has no end."""
    for turn in range(1, MOST_TRIES + 1):
        try:
            return step()
        except DBAPIError as error:
            if sqlstate(error) not in _BUSY:
                raise
            if turn == MOST_TRIES:
                raise Unavailable("a table that the step needs is never free: end what holds it, then go on") from error
            time.sleep(min(PAUSE_SECONDS * turn, 10 * PAUSE_SECONDS))
    return None


def _run(engine: Engine, step: Step, number: int, tell: Tell) -> None:
    if step.kind == "alone":
        with engine.connect() as connection:
            connection.exec_driver_sql(_ALONE)
            for statement in filter(None, map(str.strip, step.statements.split(";"))):
                connection.exec_driver_sql(statement.replace("%", "%%"))
            connection.invalidate()  # Its lock_timeout goes with it.
    elif step.kind == "batches":
        _repeat(engine, step, tell)
    with transaction(engine) as connection:
        connection.exec_driver_sql(_HURRY)
        if not step.kind:
            connection.exec_driver_sql(step.statements.replace("%", "%%"))
        connection.execute(_NOTE, {"number": number})


def _repeat(engine: Engine, step: Step, tell: Tell) -> None:
    rows = 0
    while True:
        with transaction(engine) as connection:
            connection.exec_driver_sql(_HURRY)
            changed = connection.exec_driver_sql(step.statements.replace("%", "%%")).rowcount
        if changed < 1:
            return
        rows += changed
        tell(f"{rows:,} rows")
