"""What operators run beside many orders: how long each of their commands takes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bench.stack import Stack
from checkout import clock, db
from checkout.db import sql
from checkout.reconciliation import bills

LONGEST_SECONDS = 3600

# The bill that Alipay would have of the filled day: each payment of it, and nothing else.
_BILL = (
    "INSERT INTO bills (day, asked_at, lines) SELECT :day, :asked_at, count(*) FROM payments"
    " WHERE paid_at >= :start AND paid_at < :end",
    "INSERT INTO bill_lines (day, line, fen, out_trade_no, request_no)"
    " SELECT :day, row_number() OVER (), paid_fen, out_trade_no, '' FROM payments"
    " WHERE paid_at >= :start AND paid_at < :end",
)


def measure(stack: Stack, say: Callable[[str, int], None]) -> dict[str, float]:
    """Seconds by command. Raises CalledProcessError when one is not content with what it finds."""
    # A whole day that was filled: the first may have begun within it, and today goes on.
    day = datetime.now(clock.BEIJING).date() - timedelta(days=2)
    _bring_bill(stack, day)
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")
    commands = {
        "audit": ["audit"],
        "audit of a day": ["audit", "--since", since],
        "stuck": ["stuck"],
        "orders list": ["orders", "list"],
        "orders list, a user's": ["orders", "list", "--user", "7"],
        "orders list, by status": ["orders", "list", "--status", "closed", "--limit", "1000"],
        "orders list, of a trade": ["orders", "list", "--trade-no", _a_trade(stack)],
        "orders export of a day": ["orders", "export", "--from", f"{day}", "--to", f"{day}", "--output", "day.csv"],
        "reconcile a day": ["reconcile", f"{day}"],
        "doctor": ["doctor"],
    }
    return {name: _timed(stack, name, command, say) for name, command in commands.items()}


def _timed(stack: Stack, name: str, command: list[str], say: Callable[[str, int], None]) -> float:
    say(f"checkout {name}", 0)
    where = f"--data-dir={stack.data_dir}"
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-P", "-m", "ops.main", *command, where],
        cwd=Path(stack.data_dir).parent,
        stdout=subprocess.DEVNULL,
        timeout=LONGEST_SECONDS,
        check=True,
    )
    return round(time.monotonic() - began, 1)


def _bring_bill(stack: Stack, day: date) -> None:
    start, end = bills.limits(day)
    with db.transaction(stack.engine) as connection:
        for step in _BILL:
            connection.execute(sql(step), {"day": day, "start": start, "end": end, "asked_at": end + bills.DUE_AFTER})


def _a_trade(stack: Stack) -> str:
    return str(stack.one("SELECT trade_no FROM payments WHERE trade_no IS NOT NULL ORDER BY order_id LIMIT 1"))
