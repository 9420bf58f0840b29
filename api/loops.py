"""Loops of this process that must not end: what nobody foresaw is logged and counted, and they go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from structlog import get_logger

from api import counters

log = get_logger(__name__)

PAUSE_SECONDS = 1.0


async def for_ever(name: str, step: Callable[[], Awaitable[None]]) -> None:
    """Round after round, until it is cancelled."""
    while True:
        try:
            await step()
        except Exception:
            log.exception("unforeseen", loop=name)
            counters.unforeseen.labels(name).inc()
            await asyncio.sleep(PAUSE_SECONDS)
