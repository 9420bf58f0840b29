"""The machinery of the randomized run: workers that are killed, faults, time that passes, and the final reckoning."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from checkout import clock, db
from checkout.audit import stuck
from checkout.db import sql, transaction
from checkout.reconciliation import comparison
from tests.payments.shop import Shop, fen
from tests.payments.worker import AT_WORK
from tests.shared.processes import ROOT, eventually

# Of each kind so many in a hundred calls, notifications or closes.
FAULTS: dict[str, tuple[float, dict[str, Any]]] = {
    "call_limited": (0.03, {}),
    "unknown_error_executed": (0.02, {}),
    "unknown_error_not_executed": (0.02, {}),
    "system_error_executed": (0.02, {}),
    "system_error_not_executed": (0.02, {}),
    "timeout_executed": (0.02, {"seconds": 0.3}),
    "timeout_not_executed": (0.02, {"how": "close"}),
    "bad_gateway": (0.02, {}),
    "buyer_pays_before_close": (0.3, {}),
    "buyer_pays_after_close": (0.5, {"seconds": 0.2}),
    "refund_pending": (0.2, {"seconds": 0.3}),
    "seller_balance_not_enough": (0.1, {}),
    "notify_lost": (0.15, {}),
    "notify_late": (0.15, {"seconds": 1}),
    "notify_doubled": (0.15, {}),
    "notify_reordered": (0.15, {"seconds": 1}),
}
DRAIN_SECONDS = 120


class Workers:
    """Two processes that do all the work; a killed one is started again."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment, self._log = environment, log
        self._running = [self._launch(), self._launch()]
        self.kills = 0

    def _launch(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.payments.worker"],
                cwd=ROOT,
                env={"PATH": "/usr/bin:/bin", **self._environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def kill_one(self, which: int) -> None:
        self.assert_alive()
        self._running[which].send_signal(signal.SIGKILL)
        self._running[which].wait(10)
        self._running[which] = self._launch()
        self.kills += 1

    def are_at_work(self) -> bool:
        """Whether every one that was ever launched has begun: who kills beginners alone learns nothing."""
        return self._log.read_text(encoding="utf-8").count(AT_WORK) == len(self._running) + self.kills

    def assert_alive(self) -> None:
        """None has ended by itself: an error would have ended it."""
        assert [one.poll() for one in self._running] == [None, None], self._log.read_text(encoding="utf-8")[-8000:]

    def stop(self) -> None:
        for one in self._running:
            one.kill()
            one.wait(10)


@contextmanager
def two_workers(environment: dict[str, str], log: Path) -> Iterator[Workers]:
    workers = Workers(environment, log)
    try:
        yield workers
    finally:
        workers.stop()


def arm(shop: Shop, seed: int) -> None:
    for fault, (probability, how) in FAULTS.items():
        shop.gateway.fault(fault, probability=probability, seed=seed, **how)
    # Alipay's clock is behind: it takes money for a second longer than we do, which is just within our margin.
    shop.gateway.skew(-1)


def trouble(shop: Shop, workers: Workers, dice: random.Random, is_over: Callable[[], bool]) -> int:
    """Kills, leases that run out, and audits while the crowd is there; returns how many audits."""
    audits, next_kill = 0, 0.0
    while not is_over():
        time.sleep(1)
        if time.monotonic() > next_kill and workers.are_at_work():
            workers.kill_one(dice.randrange(2))
            leases_run_out(shop)
            next_kill = time.monotonic() + dice.uniform(3, 6)
        shop.assert_sound()
        audits += 1
    return audits


# In the workers' lock order, and past what they hold.
_LEASES = (
    """UPDATE payments SET due_at = now() WHERE (order_id, n) IN (
        SELECT order_id, n FROM payments
        WHERE due_at > now() + make_interval(secs => :seconds) AND offered_at IS NOT NULL
        ORDER BY order_id, n FOR NO KEY UPDATE SKIP LOCKED)""",
    """UPDATE refunds SET next_try_at = now() WHERE id IN (
        SELECT id FROM refunds WHERE next_try_at > now() + make_interval(secs => :seconds)
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)""",
)


def leases_run_out(shop: Shop, longer_than_seconds: float = 20) -> None:
    """A minute passes for whom a killed worker had claimed. That another still asks must do no harm either."""
    with transaction(shop.engine) as connection:
        for statement in _LEASES:
            connection.execute(sql(statement), {"seconds": longer_than_seconds})


_UNDONE = sql("""
    SELECT (SELECT count(*) FROM arrivals)
        + (SELECT count(*) FROM notifies WHERE applied_at IS NULL)
        + (SELECT count(*) FROM payments WHERE due_at IS NOT NULL)
        + (SELECT count(*) FROM refunds r WHERE next_try_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM alarms a WHERE a.subject = r.out_request_no AND resolved_at IS NULL))
""")


def drain(shop: Shop, workers: Workers) -> None:
    """Without faults, everything that is under way comes to its end, but for what waits for a person."""

    def is_done() -> bool:
        workers.assert_alive()
        leases_run_out(shop, 0.2)
        with transaction(shop.engine) as connection:
            return bool(connection.execute(_UNDONE).scalar_one() == 0)

    eventually(is_done, "everything has come to its end", DRAIN_SECONDS)


def calm(shop: Shop) -> Counter[str]:
    """All faults are off; how often each had struck."""
    struck = Counter({rule["fault"]: rule["hits"] for rule in shop.gateway.admin("GET", "faults")["faults"]})
    shop.gateway.admin("DELETE", "faults")
    shop.gateway.skew(0)
    return struck


def reconcile(shop: Shop, began: datetime) -> list[comparison.Report]:
    """Our books against Alipay's bills of the days that the run has touched."""
    reports = []
    for day in sorted({began.astimezone(clock.BEIJING).date(), datetime.now(clock.BEIJING).date()}):
        shop.gateway.admin("POST", "close-day", {"date": day.isoformat()})
        reports.append(comparison.run(shop.resources, day))
    return reports


# The final reckoning.

_ATTEMPTS = sql("""
    SELECT p.*, o.status AS order_status, o.reason, o.stock FROM payments p JOIN orders o ON o.id = p.order_id
    ORDER BY p.order_id, p.n
""")


def attempts(shop: Shop) -> list[Any]:
    with transaction(shop.engine) as connection:
        return list(connection.execute(_ATTEMPTS))


def trades(shop: Shop, rows: list[Any]) -> dict[str, dict[str, Any]]:
    """What Alipay has of each attempt that was handed out; nothing where no trade was born."""

    def look(number: str) -> dict[str, Any]:
        answer = shop.gateway.ask("GET", f"trades/{number}")
        assert answer.status in (200, 404), answer.data
        return dict(answer.json()) if answer.status == 200 else {}

    numbers = [row.out_trade_no for row in rows if row.offered_at]
    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(numbers, pool.map(look, numbers), strict=True))
    newest = shop.gateway.admin("GET", "trades?limit=1000")["trades"]
    assert {trade["out_trade_no"] for trade in newest} <= set(numbers)
    return found


def uneven(rows: list[Any], there: dict[str, dict[str, Any]]) -> list[tuple[str, int, int]]:
    """The attempts of which Alipay holds another amount for us than our books say: number, ours, theirs."""
    found = []
    for row in rows:
        trade = there.get(row.out_trade_no) or {"paid_at": None, "refunded_amount": "0.00", "total_amount": "0.00"}
        theirs = (fen(trade["total_amount"]) if trade["paid_at"] else 0) - fen(trade["refunded_amount"])
        if theirs != row.paid_fen - row.refunded_fen:
            found.append((row.out_trade_no, row.paid_fen - row.refunded_fen, theirs))
    return found


def loose(shop: Shop, rows: list[Any]) -> list[str]:
    """Money that is neither kept nor sent back nor listed."""
    with transaction(shop.engine) as connection:
        pages = itertools.takewhile(bool, (stuck.find(connection, page=page) for page in itertools.count(1)))
        said = " ".join(f"{one.subject} {one.detail}" for page in pages for one in page)
    unkept = [row for row in rows if row.paid_fen and not row.kept and row.refunded_fen < row.paid_fen]
    return [row.out_trade_no for row in unkept if f"{row.order_id}-{row.n}" not in said]


def false_evidence(rows: list[Any], there: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Closed attempts for whose evidence Alipay does not speak."""
    found = []
    for row in rows:
        status = there.get(row.out_trade_no, {}).get("trade_status")
        fits = {
            None: row.status != "closed",
            "never_offered": row.offered_at is None and status is None,
            "closed_at_alipay": status == "TRADE_CLOSED",
            "expired_unborn": row.status != "closed" or status in (None, "TRADE_CLOSED", "WAIT_BUYER_PAY"),
        }[row.evidence]
        if not fits:
            found.append((row.out_trade_no, f"{row.evidence}, at Alipay {status}"))
    return found


_SURPRISES = sql("""
    SELECT p.order_id FROM payments p WHERE p.evidence IS NOT NULL AND p.paid_fen > 0
        AND NOT (p.order_id = ANY(CAST(:expected AS bigint[])))
""")
_TOO_SOON = sql("""
    SELECT o.subject FROM events o JOIN events p ON p.subject = o.subject AND p.topic = 'payment.closed'
    WHERE o.topic = 'order.closed' AND o.data->>'reason' = 'expired' AND p.sequence > o.sequence
""")


def released_too_soon(shop: Shop, expected: list[int]) -> list[Any]:
    """Orders whose stock went back although money could still come.

    Either money came for an attempt that had been given up (where that was not staged), or the log tells that an
    order expired before the last of its attempts was final.
    """
    with transaction(shop.engine) as connection:
        surprises = list(connection.execute(_SURPRISES, {"expected": db.array(expected)}).scalars())
        return surprises + list(connection.execute(_TOO_SOON).scalars())
