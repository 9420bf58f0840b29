"""`python -m ops.prepare`: brings the database to where the stack can start; `checkout up` runs it first.

What the settings name must answer now: nothing is started that could only complain about it. An empty database gets
the schema, one with our schema gets its partitions, and an empty catalogue the sample.
"""

from __future__ import annotations

import sys
from pathlib import Path

from checkout import db, schema, settings, startup
from checkout.db import Connection, Engine, transaction
from checkout.errors import UpgradeUnfinished
from checkout.schema import migrations
from checkout.stock import catalog, lists
from ops.shell import EXPECTED, reason

LONGEST_STATEMENT_SECONDS = 86_400
SAMPLE = Path(__file__).with_name("sample.csv")


def prepare(connection: Connection) -> None:
    """What a database with our tables needs before it can serve."""
    schema.turn_partitions(connection)
    if not catalog.page(connection, after="", limit=1):
        catalog.load(connection, lists.parse(SAMPLE.read_bytes(), is_json=False))


def _tell(line: str) -> None:
    sys.stdout.write(f"prepare: {line}\n")


def _finish(engine: Engine) -> None:
    """Where nobody else serves from this database the upgrade is over."""
    try:
        migrations.finish(engine, _tell)
    except UpgradeUnfinished as unfinished:
        _tell(str(unfinished))


def main() -> int:
    """Prepares the database that the environment names; the exit status."""
    try:
        told = settings.current()
        if found := startup.faults(told):
            sys.stderr.writelines(f"prepare: {fault.says}\n" for fault in found)
            return 1
        engine = db.connect(told.database_url, size=2, statement_seconds=LONGEST_STATEMENT_SECONDS)
        migrations.migrate(engine, _tell)
        _finish(engine)
        with transaction(engine) as connection:
            prepare(connection)
    except EXPECTED as error:
        sys.stderr.write(f"prepare: {reason(error)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
