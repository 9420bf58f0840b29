"""A flash sale: a thousand simulated buyers want fifty units, by the real API over HTTP; then the books are audited."""

from __future__ import annotations

import contextlib
import re
import statistics
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urljoin

import urllib3

from api.auth import issue
from checkout import db
from checkout.audit import invariants
from checkout.db import Engine
from checkout.settings import Settings
from checkout.stock import units

SKU = "flash-sale"
BUYERS, UNITS = 1000, 50
_AT_ONCE = 32
_SAMPLE_SECONDS = 0.2
_MOST_POINTS = 1500
# So long is waited for one answer, or for one step of an order: an API that was killed comes back meanwhile.
_PATIENCE_SECONDS, _PAUSE_SECONDS = 180.0, 0.5
_TOKEN_SECONDS = 900
_OPERATOR = 1
_AUDIT_SECONDS = 120
_ADDRESS = {"recipient": "秒杀买家", "phone": "13800000000", "region": "上海市 黄浦区", "detail": "示例路 1 号"}


class Refused(Exception):
    """The service answered what a sale cannot go on with."""


class Sale:
    """One sale from its start to the audit's answer; read from other threads meanwhile."""

    def __init__(self, config: Settings) -> None:
        self.state = "selling"
        self._config = config
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._latencies: list[float] = []
        self._points: list[tuple[float, int, int, int]] = []
        self._audit: list[dict[str, Any]] = []
        self._stock = UNITS
        self._first = int(time.time()) * BUYERS  # Buyers whom nobody has seen before.
        self._began = time.monotonic()
        self._http = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False, timeout=urllib3.Timeout(connect=5, read=30))

    def run(self) -> None:
        """Blocks until the sale is over, or failed."""
        engine = db.connect(self._config.database_url, size=2, statement_seconds=_AUDIT_SECONDS, by_index=False)
        try:
            self._offer()
            self._sell(engine)
            self.state = "auditing"
            with db.reading(engine) as connection:
                self._audit = [finding._asdict() for finding in invariants.run(connection)]
            self.state = "over"
        finally:
            engine.dispose()
            self._http.clear()
            if self.state != "over":
                self.state = "failed"

    def told(self) -> dict[str, Any]:
        """Everything that the page draws; times are seconds since the start, latencies milliseconds."""
        with self._lock:
            counts, latencies = dict(self._counts), list(self._latencies)
            points, stock = list(self._points), self._stock
        cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else None
        return {
            "state": self.state,
            "buyers": BUYERS,
            "units": UNITS,
            "stock": stock,
            "counts": counts,
            "p50": round(1000 * cuts[49]) if cuts else None,
            "p99": round(1000 * cuts[98]) if cuts else None,
            "points": points,
            "audit": self._audit,
        }

    def _offer(self) -> None:
        """Puts exactly the units of this sale on the shelf."""
        sku = {"spu_id": SKU, "title": "秒杀 · 限量茶盏", "price": "9.90"}
        self._call("PUT", f"/v1/skus/{SKU}", _OPERATOR, sku, is_operator=True)
        self._call("POST", f"/v1/skus/{SKU}/stock", _OPERATOR, {"set": UNITS}, is_operator=True)

    def _sell(self, engine: Engine) -> None:
        ended = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(engine, ended))
        self._began = time.monotonic()
        watcher.start()
        try:
            with ThreadPoolExecutor(_AT_ONCE) as crowd:
                list(crowd.map(self._buy, range(self._first, self._first + BUYERS)))
        finally:
            ended.set()
            watcher.join()

    def _watch(self, engine: Engine, ended: threading.Event) -> None:
        """Reads the stock itself, again and again, and once more at the end."""
        while True:
            is_last = ended.wait(_SAMPLE_SECONDS)
            with db.reading(engine) as connection:
                stock = units.peek(connection, [SKU])[SKU].stock
            with self._lock:
                self._stock = stock
                seconds = round(time.monotonic() - self._began, 2)
                if len(self._points) < _MOST_POINTS:
                    self._points.append((seconds, stock, self._counts["asked"], self._counts["refused"]))
            if is_last:
                return

    def _buy(self, buyer: int) -> None:
        """One buyer, whose bad luck is his own: the sale goes on."""
        try:
            self._order(buyer)
        except Refused:
            self._count("failed")

    def _order(self, buyer: int) -> None:
        body = {"items": [{"sku_id": SKU, "quantity": 1}], "pay_method": "alipay", "address": _ADDRESS}
        began = time.monotonic()
        answer = self._send("POST", "/v1/orders", buyer, body, {"Idempotency-Key": str(uuid.uuid4())})
        with self._lock:
            self._latencies.append(time.monotonic() - began)
        self._count("asked")
        if answer.status == 202:
            self._follow(buyer, f"/v1/orders/{answer.json()['id']}")
        else:
            self._count("refused" if answer.status == 409 else "failed")

    def _follow(self, buyer: int, path: str) -> None:
        order = self._until(buyer, path, "accepted")
        if order["status"] == "rejected":
            return self._count("refused")
        if "placed_at" not in order:
            return self._count("failed")
        self._count("placed")
        if not self._pay(buyer, path):
            return self._count("unpaid")
        order = self._until(buyer, path, "awaiting_payment")
        return self._count("paid" if "paid_at" in order else "unpaid")

    def _until(self, buyer: int, path: str, left: str) -> dict[str, Any]:
        """The order once it has left that status, or as it is when nobody waits any longer."""
        deadline, etag = time.monotonic() + _PATIENCE_SECONDS, ""
        order: dict[str, Any] = {"status": left}
        while order["status"] == left and time.monotonic() < deadline:
            headers = {"Prefer": "wait=10"} | ({"If-None-Match": etag} if etag else {})
            answer = self._send("GET", path, buyer, headers=headers)
            if answer.status == 200:
                order, etag = answer.json(), answer.headers["ETag"]
            elif answer.status != 304:
                raise Refused(f"{path} was answered {answer.status}")
        return order

    def _pay(self, buyer: int, path: str) -> bool:
        """Pays at the local cashier, as a browser does; False where the gateway has no such page."""
        try:
            return self._go_to_cashier(self._call("POST", f"{path}/payments", buyer, {"method": "page"})["pay_url"])
        except (Refused, urllib3.exceptions.HTTPError):
            return False

    def _go_to_cashier(self, url: str) -> bool:
        page = self._http.request("GET", url).data.decode(errors="replace")
        login = re.search(r'action="(/cashier/[0-9a-f]+)/login"', page)
        if login is None:
            return False
        steps = [urljoin(url, f"{login[1]}/{step}") for step in ("login", "pay")]
        return all(self._http.request("POST", step, redirect=False).status < 400 for step in steps)

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1

    def _call(self, method: str, path: str, user: int, body: Any, *, is_operator: bool = False) -> Any:
        answer = self._send(method, path, user, body, is_operator=is_operator)
        if answer.status >= 300:
            raise Refused(f"{method} {path} was answered {answer.status}")
        return answer.json()

    def _send(
        self,
        method: str,
        path: str,
        user: int,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        is_operator: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """What the service has decided. Where it does not answer, the same is sent again: it is done once."""
        token = issue(self._config.jwt_secret, user, is_operator=is_operator, ttl_seconds=_TOKEN_SECONDS)
        sent = {"Authorization": f"Bearer {token}"} | (headers or {})
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                answer = self._http.request(method, self._config.public_url + path, json=body, headers=sent)
                if answer.status < 500:
                    return answer
            time.sleep(_PAUSE_SECONDS)
        raise Refused(f"{method} {path} was not answered for {_PATIENCE_SECONDS:g} s")
