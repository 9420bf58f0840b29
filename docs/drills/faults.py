"""The faults, each played for real for the length of a block and mended at its end, and the signs that name it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from checkout.db import sql, transaction
from docs.drills import gateway
from docs.drills.load import HOT, LAST, POISON, pay
from docs.drills.scene import Scene, Setting, certificate_file, until
from sandbox import process
from sandbox.alipay import keys
from sandbox.stack import processes

_MEGABYTE = 1 << 20
_DISK = 512 * _MEGABYTE
# Further behind, the trade would be older than the attempt and believed to be somebody else's.
_BEHIND_SECONDS = 100
_PROGRAMS = ("api", "orders", "refunds", "alipay", "webhooks", "default", "beat")


@dataclass(frozen=True)
class Drill:
    """`signs` are patterns by window: a line that fits one names the fault, not just that something is wrong."""

    name: str
    title: str
    play: Callable[[Scene], AbstractContextManager[None]]
    signs: dict[str, str]
    setting: Setting = field(default_factory=Setting)

    def names(self, window: str, line: str) -> bool:
        return window in self.signs and re.search(self.signs[window], line) is not None


@contextlib.contextmanager
def frozen(service: str, scene: Scene) -> Iterator[None]:
    """All its processes live and do nothing."""
    pids = processes(scene.data_dir, service)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # The supervisor may have ended it meanwhile.
                os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def slow_database(scene: Scene) -> Iterator[None]:
    """Somebody holds the row of the SKU that everybody wants, and sleeps in his transaction."""
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction(scene.engine) as connection:
            connection.execute(sql("SET LOCAL idle_in_transaction_session_timeout = 0"))
            connection.execute(sql("SELECT id FROM skus WHERE id = :id FOR UPDATE"), {"id": HOT})
            held.set()
            over.wait(600)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    try:
        yield
    finally:
        over.set()
        holder.join()


@contextlib.contextmanager
def poison_order(scene: Scene) -> Iterator[None]:
    """The database refuses the lines of one order; afterwards a person mends the cause and tries it again."""
    scene.execute(f"ALTER TABLE order_lines ADD CONSTRAINT drill CHECK (sku_id <> '{POISON}')")
    buyer = scene.shop.buyer()
    order_id = buyer.order(POISON).json()["id"]
    scene.load.accepted.append((buyer, order_id))
    try:
        yield
    finally:
        scene.execute("ALTER TABLE order_lines DROP CONSTRAINT drill")
        scene.checkout("orders", "retry", order_id)


@contextlib.contextmanager
def late_money(scene: Scene) -> Iterator[None]:
    """Alipay's clock is behind, so that it takes money for an order whose goods went to somebody else meanwhile.

    The refund cannot be made at once, since the account at Alipay is empty.
    """
    gateway.set_clock(scene, -_BEHIND_SECONDS)
    late = scene.shop.buyer()
    order_id = late.placed(LAST)["id"]
    payment = late.open_payment(order_id)
    late.until(order_id, lambda order: order["status"] == "closed", 120, "the end of its time")
    scene.shop.buyer().placed(LAST)
    scene.shop.alipay.arm("seller_balance_not_enough")
    pay(payment)
    try:
        yield
    finally:
        gateway.clear(scene)
        gateway.set_clock(scene, 0)


@contextlib.contextmanager
def full_disk(scene: Scene) -> Iterator[None]:
    """Somebody's file takes all that the file system of the data directory has left."""
    ballast = Path(scene.data_dir, "ballast")
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(_MEGABYTE))
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def ended_certificate(scene: Scene) -> Iterator[None]:
    """Our own certificate ended two days ago; afterwards a new one is put in its place."""
    file = certificate_file(scene.data_dir)
    good = file.read_bytes()
    file.write_bytes(_ended(good, scene.data_dir))
    _restart(scene)
    try:
        yield
    finally:
        file.write_bytes(good)
        _restart(scene)


def _ended(good: bytes, data_dir: Path) -> bytes:
    """The same names and number, so that Alipay knows it, and another time."""
    like, now = x509.load_pem_x509_certificate(good), datetime.now(UTC)
    builder = x509.CertificateBuilder(like.issuer, like.subject, like.public_key(), like.serial_number)
    builder = builder.not_valid_before(now - timedelta(days=90)).not_valid_after(now - timedelta(days=2))
    issuer = keys.load_private(keys.ensure(data_dir / "alipay").issuer_private_key_file)
    return builder.sign(issuer, SHA256()).public_bytes(Encoding.PEM)


def _restart(scene: Scene) -> None:
    """As the runbook says: one after the other."""
    for service in _PROGRAMS:
        pids = set(processes(scene.data_dir, service))
        for pid in pids:
            if process.stat(pid).parent not in pids:
                os.kill(pid, signal.SIGTERM)
        until(partial(_is_new, scene, service, pids), f"{service} runs again")


def _is_new(scene: Scene, service: str, old: set[int]) -> bool:
    now = set(processes(scene.data_dir, service))
    return bool(now) and not now & old


DRILLS = (
    Drill(
        "frozen-worker",
        "a frozen placing worker",
        partial(frozen, "orders"),
        {
            "dashboard": "Processes that do not answer: .*orders|ProcessIsGone.* orders",
            "doctor": "nobody serves orders|queue orders",
            "stuck": "order_not_placed",
            "alerts": "OrdersWait|ProcessIsGone .*orders",
            "flower": "worker orders offline",
            "log": "orders: .*no progress",
        },
    ),
    Drill(
        "slow-database",
        "a slow database: the row of a hot SKU is held",
        slow_database,
        {
            "dashboard": "Somebody waits for a lock",
            "doctor": "lock|sweep|queue orders|blocked",
            "stuck": "order_not_placed",
            "alerts": "OrdersWait|AnswersAreSlow|TasksFail .*place_orders",
            "flower": "task place_orders (does not end|FAILURE|RETRY)",
            "log": "lock|statement timeout|TimeLimit",
        },
    ),
    Drill(
        "alipay-away",
        "Alipay is away",
        partial(frozen, "alipay-gateway"),
        {
            "dashboard": "Calls by result: no_answer|AlipayIsAway",
            "doctor": "fail alipay",
            "stuck": "outcome_unknown",
            "alerts": "AlipayIsAway",
            "flower": "task ask_",
            "log": "alipay_call .*(no answer|does not answer)",
        },
    ),
    Drill(
        "poison-order",
        "a poison order",
        poison_order,
        {
            "dashboard": "What needs a person: order_parked",
            "doctor": "order|parked",
            "stuck": "order_parked: .*23514",
            "alerts": r"SomethingNeedsAPerson .*order_parked",
            "flower": "task place_orders (FAILURE|RETRY)",
            "log": "order_not_placed|drill",
        },
    ),
    Drill(
        "late-money",
        "late money, and no balance to send it back",
        late_money,
        {
            "dashboard": "What needs a person: money_not_kept",
            "doctor": "money|refund",
            "stuck": "money_not_kept: .*too late",
            "alerts": r"MoneyNeedsAPerson .*money_not_kept",
            "flower": "task .*refund.* (FAILURE|RETRY)",
            "log": "late|refund|BALANCE",
        },
        Setting(pay_window="10s", time_scale=40),
    ),
    Drill(
        "stopped-relay",
        "a stopped relay: its worker is frozen",
        partial(frozen, "default"),
        {
            "dashboard": "Processes that do not answer: .*default|SubscribersAreBehind",
            "doctor": "fail relay|nobody serves default",
            "stuck": "events_not_sent",
            "alerts": "SubscribersAreBehind|ProcessIsGone .*default",
            "flower": "worker default offline",
            "log": "default: .*no progress",
        },
    ),
    Drill(
        "full-disk",
        "a full disk",
        full_disk,
        {
            "dashboard": "What PostgreSQL did not do: disk_full|What broker and Redis do not take: .*disk_full",
            "doctor": "[Nn]o space|disk|MISCONF",
            "stuck": "[Nn]o space|disk",
            "alerts": "StoreRefuses|OrdersAreTurnedAway|NumbersAreMissing|ApiErrs",
            "flower": "[Nn]o space|disk|DiskFull",
            "log": "[Nn]o space|DiskFull|disk",
        },
        Setting(disk_bytes=_DISK),
    ),
    Drill(
        "ended-certificate",
        "our own certificate is over",
        ended_certificate,
        {
            "dashboard": "CertificateEnds|Days until a certificate is over",
            "doctor": "fail certificates: one is over",
            "stuck": "certificate",
            "alerts": "CertificateEnds",
            "flower": "certificate",
            "log": "certificate",
        },
        Setting(certified=True),
    ),
)
