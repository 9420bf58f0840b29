"""A bill is never whole in memory, however long it is."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from checkout import clock, db
from checkout.db import Engine, sql, transaction
from tests.reconciliation.papers import packed, row, trades
from tests.shared import factories

LINES = 200_000
MOST_BYTES = 24_000_000
_SOLD = sql("""
    INSERT INTO payments (order_id, n, status, amount_fen, paid_fen, paid_at, out_trade_no, trade_no)
    SELECT i, 1, 'paid', 100, 100, CAST(:noon AS timestamptz), 'LARGE' || i, 'T' || i
    FROM generate_series(1, :lines) AS i
""")
_READ = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from checkout import settings
from checkout.reconciliation import bills, comparison
from checkout.resources import Resources

def most_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

day = date.fromisoformat(sys.argv[2])
resources = Resources(settings.current())
bills.keep(resources.engine, bills.Bill(day, datetime.now(UTC), 0), None)
before = most_bytes()
with open(sys.argv[1], "rb") as archive:
    bills.keep(resources.engine, bills.Bill(day, datetime.now(UTC), None), archive)
report = comparison.run(resources, day)
print(most_bytes() - before, report.theirs.payments)
print(*(one.out_trade_no for one in report.discrepancies))
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A bill with one payment for each of ours, but the first, and one of a stranger."""
    file = tmp_path / "bill.zip"
    rows = (row(f"LARGE{n}", "1.00") for n in range(2, LINES + 2))
    file.write_bytes(packed(trades(rows)).read())
    return file


@pytest.mark.timeout(300)
def test_a_long_bill_is_compared_in_little_memory(
    engine: Engine, database_url: str, environment: dict[str, str], archive: Path
) -> None:
    day = datetime.now(clock.BEIJING).date() - timedelta(days=3)
    noon = datetime.combine(day, datetime.min.time(), clock.BEIJING) + timedelta(hours=12)
    patient = db.connect(database_url, size=1, statement_seconds=100)
    with transaction(patient) as connection:
        connection.execute(_SOLD, {"noon": noon, "lines": LINES})
    patient.dispose()
    command = [sys.executable, "-c", _READ, str(archive), day.isoformat()]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    sizes, differing = done.stdout.splitlines()[-2:]
    used, lines = map(int, sizes.split())
    assert (lines, sorted(differing.split())) == (LINES, ["LARGE1", f"LARGE{LINES + 1}"])
    assert used < MOST_BYTES < LINES * len(row("LARGE1", "1.00"))
    assert factories.row(engine, "bills").lines == LINES
