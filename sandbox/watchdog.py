"""Starts again what lives and makes no progress: a frozen process is as good as a dead one, and nobody sees it end."""

from __future__ import annotations

import asyncio
import http.client
import json
import time
from collections.abc import Callable, Iterable, Mapping

from checkout.events import bus
from sandbox.service import Life

_PROBE_SECONDS = 10.0
_ANSWER_SECONDS = 5.0
# Blamed at each look for so long: after PostgreSQL was away, all are silent until their next round.
_PATIENCE_SECONDS = 60.0
# Who runs shorter is left alone: longer than any task may take.
_LONGEST_ROUND_SECONDS = 150.0
_SERVICES = {
    "beat": "beat",
    "doorbell": "api",
    **dict.fromkeys(("relay", "sweep", "expire_orders", "scan_payments", "scan_webhooks"), "default"),
    **{f"queue {name}": name for name in ("orders", "refunds", "alipay", "webhooks", "default")},
}

Silent = Iterable[str]


class Watchdog:
    """Looks at what stands still, and says whom to start again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody is blamed yet."""
        self._clock = clock
        self._blamed_since: dict[str, float] = {}

    async def watch(self, host: str, port: int, broker_url: str, lives: Mapping[str, Life]) -> None:
        """Look for ever, through the API at that address. Without the broker nobody is to blame for his silence."""
        while True:
            await asyncio.sleep(_PROBE_SECONDS)
            silent = await asyncio.to_thread(standing_still, host, port)
            if silent and not await asyncio.to_thread(bus.reachable, broker_url):
                silent = None
            for name in self.verdict(silent, {name: life.seconds for name, life in lives.items()}):
                lives[name].start_again("it makes no progress")

    def verdict(self, silent: Silent | None, ages: Mapping[str, float]) -> list[str]:
        """The services to start again, by the loops that are silent (None: nobody can say) and how long each runs."""
        now, blamed = self._clock(), _blamed(silent or ())
        self._blamed_since = {name: self._blamed_since.get(name, now) for name in blamed}
        return [
            name
            for name, since in self._blamed_since.items()
            if now - since >= _PATIENCE_SECONDS and ages.get(name, 0.0) >= _LONGEST_ROUND_SECONDS
        ]


def _blamed(silent: Silent) -> set[str]:
    services = {_SERVICES[loop] for loop in silent if loop in _SERVICES}
    # The others move when beat tells them to: they are not to blame for its silence.
    return {"beat"} if "beat" in services else services


def standing_still(host: str, port: int) -> Silent | None:
    """What the API says; None while orders cannot be stored, and its own doorbell when it does not answer at all."""
    try:
        status, body = _asked(host, port, "/health/ready")
        return json.loads(body)["standing_still"] if status == http.HTTPStatus.OK else None
    except (ValueError, KeyError, TypeError):
        return None  # It is somebody else's answer.
    except (OSError, http.client.HTTPException):
        return (
            None if _lives(host, port) else ["doorbell"]
        )  # It waits for a database that is silent, or does nothing at all.


def _lives(host: str, port: int) -> bool:
    try:
        return _asked(host, port, "/health/live")[0] == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def _asked(host: str, port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
