"""Telling those who wait, after the commit, that it is worth looking: a message lost costs them seconds, not truth."""

from __future__ import annotations

from collections.abc import Iterable

from redis import Redis, RedisError
from structlog import get_logger

log = get_logger(__name__)

# Waiting frontends are woken here by "id:version,…"; a lost message costs them seconds, not truth.
WAKE_CHANNEL = "checkout.wake"
# The doors hear here which SKUs may be sold out.
SOLD_OUT_CHANNEL = "checkout.sold_out"


def wake(redis: Redis, versions: Iterable[tuple[int, int]]) -> None:
    """Tells waiting frontends, after the commit, which orders have which version now."""
    _publish(redis, WAKE_CHANNEL, ",".join(f"{order_id}:{version}" for order_id, version in versions))


def tell_sold_out(redis: Redis, sku_ids: Iterable[str]) -> None:
    """Tells the doors which SKUs they need not wait for; they look at the stock themselves."""
    _publish(redis, SOLD_OUT_CHANNEL, ",".join(sku_ids))


def _publish(redis: Redis, channel: str, message: str) -> None:
    if message:
        try:
            redis.publish(channel, message)
        except RedisError as error:
            log.warning("message_lost", channel=channel, error=type(error).__name__)
