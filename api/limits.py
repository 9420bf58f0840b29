"""The rate of orders per user at the door; open while Redis is away."""

from __future__ import annotations

import time

from redis import RedisError
from structlog import get_logger

from api.problems import TooManyOrders
from api.runtime import Runtime

log = get_logger(__name__)

MINUTE_SECONDS = 60


async def check_rate(api: Runtime, user_id: int) -> None:
    """Raises TooManyOrders when the user had his orders of this minute."""
    most = api.settings.rate_per_user
    if most == 0:
        return
    if await api.run(lambda: _count(api, user_id)) > most:
        raise TooManyOrders(f"at most {most} orders a minute")


def _count(api: Runtime, user_id: int) -> int:
    key = f"rate_{user_id}_{int(time.time()) // MINUTE_SECONDS}"
    try:
        with api.resources.redis.pipeline() as both:
            both.incr(key)
            both.expire(key, 2 * MINUTE_SECONDS)
            count, _ = both.execute()
    except RedisError as error:
        log.warning("rate_not_counted", error=type(error).__name__)
        return 0
    return int(count)
