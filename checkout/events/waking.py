"""Telling those who wait, after the commit, that it is worth looking: a message lost costs them seconds, not truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from redis import Redis, RedisError
from structlog import get_logger

log = get_logger(__name__)

RUNG_MS = 2000

# Waiting frontends are woken here by "id:version,…"; a lost message costs them seconds, not truth.
WAKE_CHANNEL = "checkout.wake"
# The doors hear here of which SKUs how many were left when somebody wanted more, as JSON.
SHORT_CHANNEL = "checkout.short"


def wake(redis: Redis, versions: Iterable[tuple[int, int]]) -> None:
    """Tells waiting frontends, after the commit, which orders have which version now."""
    _publish(redis, WAKE_CHANNEL, ",".join(f"{order_id}:{version}" for order_id, version in versions))


def may_ring(redis: Redis, task: str) -> bool:
    """Whether nobody has rung for that task whom no worker has answered yet; if so, the caller rings now.

    Who has committed before he asks is seen by the worker that answers. A ring that was lost costs the mark's life.
    """
    try:
        return bool(redis.set(f"checkout_rung_{task}", "1", nx=True, px=RUNG_MS))
    except RedisError:
        return True  # One ring too many harms nobody.


def answer(redis: Redis, task: str) -> None:
    """A worker is about to look: whoever comes from now on rings again."""
    try:
        redis.delete(f"checkout_rung_{task}")
    except RedisError as error:
        log.warning("ring_not_answered", task=task, error=type(error).__name__)


def stay(redis: Redis, task: str) -> None:
    """A worker looks again and again: nobody need ring."""
    try:
        redis.set(f"checkout_rung_{task}", "1", px=RUNG_MS)
    except RedisError as error:
        log.warning("ring_not_answered", task=task, error=type(error).__name__)


def tell_short(redis: Redis, left: Mapping[str, int]) -> None:
    """Tells the doors which SKUs ran short; they look at the stock themselves."""
    _publish(redis, SHORT_CHANNEL, msgspec.json.encode(left).decode() if left else "")


def _publish(redis: Redis, channel: str, message: str) -> None:
    if message:
        try:
            redis.publish(channel, message)
        except RedisError as error:
            log.warning("message_lost", channel=channel, error=type(error).__name__)
