"""Whether the broker and Redis take what they are given, and if not, why: in a word that an operator can act on."""

from __future__ import annotations

from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from kombu.exceptions import KombuError
from redis import Redis, RedisError, exceptions

from checkout.events import bus
from checkout.settings import Settings

ANSWER_SECONDS = 2
# Written to see whether it can be; it goes by itself.
_KEY, _KEY_SECONDS = "checkout_look", 60
# The first that fits: some of them are connection errors as well.
_REASONS: dict[type[Exception], str] = {
    exceptions.OutOfMemoryError: "out_of_memory",
    exceptions.ReadOnlyError: "read_only",
    exceptions.BusyLoadingError: "not_ready",
    exceptions.MasterDownError: "not_ready",
    exceptions.AuthenticationError: "not_allowed",
    exceptions.NoPermissionError: "not_allowed",
    exceptions.ConnectionError: "unreachable",
    exceptions.TimeoutError: "unreachable",
}


def refusals(settings: Settings) -> dict[str, str]:
    """By store, why it takes nothing; empty: it does. PostgreSQL's own are counted where they happen."""
    found = {"carts": _redis(settings.redis_url), "broker": _broker(settings.broker_url)}
    if settings.events_url != settings.broker_url:
        found["events"] = _broker(settings.events_url)
    return found


def _broker(url: str) -> str:
    """RabbitMQ keeps whom it does not let write waiting, and says so nowhere: that it answers is all that is seen."""
    if url.startswith("redis"):
        return _redis(url)
    try:
        with bus.connect(url) as connection:
            connection.connect()
    except (AccessRefused, NotAllowed):
        return "not_allowed"
    except (AMQPError, KombuError, OSError):
        return "unreachable"
    return ""


def _redis(url: str) -> str:
    try:
        with Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS) as redis:
            redis.set(_KEY, b"", ex=_KEY_SECONDS)
    except RedisError as error:
        return reason(error)
    return ""


def reason(error: RedisError) -> str:
    """What Redis answers (its error replies) in one word."""
    if "No space left" in str(error):
        return "disk_full"
    if str(error).startswith("MISCONF"):  # It cannot write down what it is told, for another reason.
        return "disk"
    return next((word for kind, word in _REASONS.items() if isinstance(error, kind)), "other")
