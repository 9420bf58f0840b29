"""The postman: sends due notifies from the store with a bounded pool, and lets time pass for trades."""

import json
import os
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from sqlite3 import Row
from urllib.parse import urlencode

import urllib3

from sandbox.alipay import clock, late_buyers, refunds, trades
from sandbox.alipay.gateway import Gateway

_TICK = 0.1
_LONGEST_BODY = 4096
_LATER_RETRIES = (600, 600, 3600, 7200, 21600, 54000)
_CONTENT_TYPES = {
    "plain": "application/x-www-form-urlencoded; charset={charset}",
    "malformed": "application/x-www-form-urlencoded; text/html; charset={charset}",
    "text_html": "text/html; charset={charset}",
}
_DUE = """
SELECT notifies.*, offers.product, offers.notify_url, offers.certified
FROM notifies JOIN trades USING (trade_no) JOIN offers USING (token)
WHERE state = 'due' AND due_at <= ? ORDER BY due_at, number LIMIT ?
"""


class Sender:
    """One dispatcher thread and `workers` sending threads; a notify in the store is never in two hands."""

    def __init__(self, gateway: Gateway, workers: int) -> None:
        self._gateway = gateway
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="notify")
        self._http = urllib3.PoolManager(num_pools=8, maxsize=workers, retries=False)
        self._in_hand: set[str] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        threading.Thread(target=self._run, name="postman", daemon=True).start()

    def _run(self) -> None:
        """A gateway whose postman has died must not look alive: the process ends with its error."""
        try:
            while True:
                self._gateway.wake.wait(_TICK)
                self._gateway.wake.clear()
                trades.expire_overdue(self._gateway)
                refunds.settle_pending(self._gateway)
                late_buyers.come(self._gateway)
                self._dispatch()
        finally:
            traceback.print_exc()
            os._exit(1)

    def _dispatch(self) -> None:
        with self._lock:
            taken = set(self._in_hand)
        free = self._workers * 2 - len(taken)
        rows = self._gateway.store.all(_DUE, self._gateway.clock.real(), self._workers * 4) if free > 0 else []
        for row in [row for row in rows if row["notify_id"] not in taken][:free]:
            with self._lock:
                self._in_hand.add(row["notify_id"])
            # Without this look at the result an error inside the pool would vanish.
            self._pool.submit(self._deliver, row).add_done_callback(lambda done: done.result())

    def _deliver(self, row: Row) -> None:
        try:
            outcomes = [self._post(row) for _ in range(row["copies"])]
            record(self._gateway, row, outcomes)
        finally:
            with self._lock:
                self._in_hand.discard(row["notify_id"])
            self._gateway.wake.set()

    def _post(self, row: Row) -> str:
        """One delivery; returns what came of it: the first 200 characters of the body, or why there is none."""
        timeout = self._gateway.switches.notify_timeout
        charset, body = envelope(self._gateway, row)
        content_type = _CONTENT_TYPES[self._gateway.switches.notify_content_type].format(charset=charset.upper())
        headers = {"Content-Type": content_type, "User-Agent": "Mozilla/4.0"}
        limit = urllib3.Timeout(connect=timeout, read=timeout, total=timeout)
        try:
            response = self._http.request(
                "POST",
                row["notify_url"],
                body=body,
                headers=headers,
                timeout=limit,
                redirect=False,
                preload_content=False,
            )
            text = self._read(response, timeout)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            return f"{type(error).__name__}"
        return text if response.status == 200 else f"HTTP {response.status}: {text[:180]}"

    def _read(self, response: urllib3.BaseHTTPResponse, timeout: float) -> str:
        """At most 4 kB and one timeout more, so that no dripping endpoint keeps a worker."""
        deadline, text = time.monotonic() + timeout, b""
        while len(text) < _LONGEST_BODY and time.monotonic() < deadline:
            part = response.read1(_LONGEST_BODY)
            if not part:
                response.release_conn()
                return text.decode("utf-8", "replace")
            text += part
        response.close()
        return text.decode("utf-8", "replace")


def envelope(gateway: Gateway, row: Row) -> tuple[str, str]:
    """The charset and the signed form: the same notify_id at every delivery, with the time of this one."""
    params: dict[str, str] = json.loads(row["params"])
    params["notify_id"] = row["notify_id"]
    params["notify_time"] = clock.written(gateway.clock.now())
    charset = params["charset"]
    params["sign"] = gateway.signer.sign_params(params, charset, bool(row["certified"]))
    return charset, urlencode(params, encoding=charset, errors="replace")


def record(gateway: Gateway, row: Row, outcomes: Sequence[str]) -> None:
    """Remember a delivery: acknowledged, to be sent again later, or given up after the last interval."""
    now, attempts = gateway.clock.real(), row["attempts"] + 1
    waits = schedule(gateway, row["product"])
    if "success" in outcomes:
        state, due_at = "acknowledged", now
    elif attempts > len(waits):
        state, due_at = "exhausted", now
    else:
        state, due_at = "due", now + waits[attempts - 1]
    with gateway.store.transaction():
        for outcome in outcomes:
            gateway.store.insert("attempts", notify_id=row["notify_id"], at=now, outcome=outcome[:200])
        gateway.store.run(
            "UPDATE notifies SET state = ?, due_at = ?, attempts = ?, copies = 1 WHERE number = ?",
            state,
            due_at,
            attempts,
            row["number"],
        )
        gateway.store.run(
            "UPDATE notifies SET held = 0, due_at = ? WHERE trade_no = ? AND held AND number < ? AND state = 'due'",
            now,
            row["trade_no"],
            row["number"],
        )


def schedule(gateway: Gateway, product: str) -> list[float]:
    """Real seconds between deliveries: 4 m, 10 m, 10 m, 1 h, 2 h, 6 h, 15 h, divided by the time scale;
    for QR payments a few immediate resends come first (00f7nu, 00dn7l)."""
    immediate = [0.0] * gateway.switches.face_to_face_resends if product in ("qr", "order_code") else []
    return immediate + [gateway.clock.scaled(wait) for wait in (gateway.switches.first_retry, *_LATER_RETRIES)]
