"""A shop that serves while it is upgraded: old processes before, beside and after the migration, then none of them.

The old ones are the code with which migrations began, from this repository's history.
"""

from __future__ import annotations

import io
import random
import subprocess
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import HTTPError

from checkout import db, schema, settings
from checkout.audit import invariants
from checkout.db import Engine, sql, transaction
from checkout.errors import UpgradeUnfinished
from checkout.schema import migrations
from checkout.stock import catalog
from checkout.stock.catalog import Item
from ops.up import RunningStack, start_stack
from sandbox import valkey
from tests.shared import ports
from tests.shared.client import an_order_body, token
from tests.shared.databases import Server, create, drop
from tests.shared.processes import ROOT, eventually

BEFORE = "18b54b3c9538f744f72db097102b4f0974636b63"
PER_SECOND = 60
CLIENTS = 8
SKUS = 20
SECRET = "x" * 40
# Older code answers as its own document says.
HTTP = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(30), maxsize=20)


@pytest.fixture
def code_before(tmp_path: Path) -> Path:
    """The files of that commit."""
    archived = subprocess.run(["git", "archive", "--format=zip", BEFORE], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        pytest.skip(f"this copy has no history back to {BEFORE[:7]}")
    with zipfile.ZipFile(io.BytesIO(archived.stdout)) as archive:
        archive.extractall(tmp_path / "before")
    return tmp_path / "before"


class Crowd:
    """Buyers and an operator at a steady pace, wherever the shop answers just now."""

    def __init__(self, own: dict[str, str]) -> None:
        told = settings.parse(own)
        self._bearers = {user: f"Bearer {token(told, user)}" for user in range(1, 200)}
        self._operator = f"Bearer {token(told, 1, is_operator=True)}"
        self.urls: list[str] = []
        self.answers: Counter[str] = Counter()
        self.bad: list[str] = []
        self._numbers = iter(range(10**9))
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._over = threading.Event()

    def live(self) -> None:
        """One of the clients, until it is over."""
        dice, next_at = random.Random(), time.monotonic()
        while not self._over.is_set():
            with self._lock:
                url, key = dice.choice(self.urls), f"crowd-{next(self._numbers)}"
                self._under_way[url] += 1
            self._act(dice, url, key)
            with self._lock:
                self._under_way[url] -= 1
            next_at = max(next_at + CLIENTS / PER_SECOND, time.monotonic() - 1)
            self._over.wait(max(0.0, next_at - time.monotonic()))

    def move(self, *urls: str) -> None:
        """From now on there; returns when nobody waits for an answer from anywhere else."""
        with self._lock:
            self.urls = list(urls)
        eventually(lambda: not any(n for url, n in self._under_way.items() if url not in urls), "all have moved")

    def _act(self, dice: random.Random, url: str, key: str) -> None:
        user = dice.choice(list(self._bearers))
        cash = dice.random() < 0.1
        items = [{"sku_id": f"crowd-{sku}", "quantity": 1} for sku in dice.sample(range(1, SKUS + 1), 2)]
        body = an_order_body(items=items, pay_method="cash" if cash else "alipay")
        made = self._call("POST", f"{url}/v1/orders", self._bearers[user], body, key, (202,))
        if made and dice.random() < 0.15:
            step = "ship" if cash else "cancel"
            bearer = self._operator if cash else self._bearers[user]
            self._call("POST", f"{url}/v1/orders/{made['id']}/{step}", bearer, {}, "", (200, 409))

    def _call(self, method: str, url: str, bearer: str, body: Any, key: str, good: tuple[int, ...]) -> Any:
        headers = {"Authorization": bearer} | ({"Idempotency-Key": key} if key else {})
        try:
            answer = HTTP.request(method, url, json=body, headers=headers)
        except HTTPError as error:
            self.bad.append(f"{method} {url}: {error}")
            return None
        self.answers[f"{url.rsplit('/', 1)[1]} {answer.status}"] += 1
        if answer.status not in good:
            self.bad.append(f"{method} {url}: {answer.status} {answer.data[:200]!r}")
        return answer.json() if answer.status < 300 else None

    def goes_on(self, what: str, seconds: float) -> None:
        """Orders come in meanwhile, and nothing else than was expected is answered."""
        before = self.answers["orders 202"]
        time.sleep(seconds)
        count = self.answers["orders 202"] - before
        print(f"{what}: {count / seconds:.0f} orders/s")  # noqa: T201 - pytest shows it when the test fails
        assert (self.bad, count > 0) == ([], True)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self.live) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                self.goes_home()
            for client in clients:
                client.result(60)

    def goes_home(self) -> None:
        self._over.set()


def assert_sound(engine: Engine) -> None:
    with db.reading(engine) as snapshot:
        assert [finding for finding in invariants.run(snapshot) if not finding.ok] == []


def all_is_placed(engine: Engine) -> bool:
    with transaction(engine) as connection:
        return not connection.execute(sql("SELECT count(*) FROM arrivals")).scalar_one()


def a_stack(data_dir: Path, own: dict[str, str]) -> Any:
    return start_stack(
        data_dir, port=ports.free(), flower_port=ports.free(), alipay_port=ports.free(), environ=own, pay_window="3s"
    )


@pytest.mark.timeout(400)
def test_nobody_notices_an_upgrade(server: Server, code_before: Path, tmp_path: Path) -> None:
    url = create(server, "upgrading")
    engine = db.connect(url, size=3, statement_seconds=600, by_index=False)
    with valkey.temporary_server() as broker:
        plain = {name: value for name, value in settings.environment().items() if not name.startswith("CHECKOUT_")}
        shared = {"DATABASE_URL": url, "BROKER_URL": broker.url(0), "REDIS_URL": broker.url(1), "JWT_SECRET": SECRET}
        shared |= {"MAX_OPEN_ORDERS": "0"}
        own = plain | {f"CHECKOUT_{name}": value for name, value in shared.items()}
        with a_stack(tmp_path / "old", own | {"PYTHONPATH": str(code_before)}) as old:
            _upgrade(engine, old, own, tmp_path / "new")
    engine.dispose()
    drop(server, "upgrading")


def _upgrade(engine: Engine, old: RunningStack, own: dict[str, str], data_dir: Path) -> None:
    with transaction(engine) as connection:
        assert schema.state(connection) == schema.State(1, 1)
        connection.execute(sql("INSERT INTO spus (id) VALUES ('crowd')"))
        connection.execute(
            sql("""
                INSERT INTO skus (id, spu_id, title, price_fen, stock, sequence)
                SELECT 'crowd-' || n, 'crowd', 't', 100, 1000000, 0 FROM generate_series(1, :skus) AS n
            """),
            {"skus": SKUS},
        )
        connection.execute(
            sql("""
                INSERT INTO stock_adjustments (sku_id, delta, reason)
                SELECT id, 1000000, 'test' FROM skus WHERE spu_id = 'crowd'
            """)
        )
    crowd = Crowd(settings.stored(old.data_dir))
    crowd.urls = [old.api_url]
    with crowd.at_work(), ExitStack() as stacks:
        stacks.callback(crowd.goes_home)
        crowd.goes_on("old code alone", 3)
        began = time.monotonic()
        assert migrations.migrate(engine, lambda _: None)
        crowd.goes_on(f"old code, after a migration of {time.monotonic() - began:.1f} s", 3)
        assert_sound(engine)
        new = stacks.enter_context(a_stack(data_dir, own))
        stacks.callback(crowd.goes_home)  # Before its stack.
        crowd.move(old.api_url, new.api_url)
        crowd.goes_on("side by side", 4)
        with pytest.raises(UpgradeUnfinished, match="sessions of older code"):
            migrations.finish(engine, lambda _: None)
        assert_sound(engine)
        crowd.move(new.api_url)
        assert old.stop() == 0
        assert migrations.finish(engine, lambda _: None)
        with transaction(engine) as connection:
            catalog.load(connection, [Item("crowd-1", "crowd", "t", "1.00", limit_per_user=1)])
        crowd.goes_on("new code alone", 3)
        crowd.goes_home()
        eventually(lambda: all_is_placed(engine), "all is placed")
        assert_sound(engine)
    print(dict(crowd.answers))  # noqa: T201 - as above
    assert crowd.bad == []
