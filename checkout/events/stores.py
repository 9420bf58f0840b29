"""Whether the broker and Redis take what they are given, and if not, why: in a word that an operator can act on."""

from __future__ import annotations

import time
from functools import partial

from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from kombu import Connection
from kombu.exceptions import KombuError
from redis import Redis, RedisError, exceptions

from checkout.asking import within
from checkout.events import bus
from checkout.postgres import faults
from checkout.settings import Settings

ANSWER_SECONDS = 2
# With TLS a broker that reads nothing holds up the farewell for as long as it may take to connect.
LONGEST_SECONDS = 6.5
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
    asked = {"carts": settings.redis_url, "broker": settings.broker_url}
    if settings.events_url != settings.broker_url:
        asked["events"] = settings.events_url
    answers = within(LONGEST_SECONDS, {store: partial(_refusal, url) for store, url in asked.items()})
    return dict.fromkeys(asked, "unreachable") | answers


def _refusal(url: str) -> str:
    return _redis(url) if url.startswith("redis") else _rabbitmq(url)


def _rabbitmq(url: str) -> str:
    try:
        with bus.connect(url) as connection:
            connection.connect()  # A channel by itself would try again and again.
            return "" if _confirms(connection) else "blocked"
    except (AccessRefused, NotAllowed):
        return "not_allowed"
    except (AMQPError, KombuError, OSError):
        return "unreachable"


def _confirms(connection: Connection) -> bool:
    """With an alarm of disk or memory it takes connections, and the first message of each, and reads nothing more."""
    confirms, producer = bus.Confirms(connection.default_channel), connection.Producer(auto_declare=False)
    deadline = time.monotonic() + ANSWER_SECONDS
    try:
        for _ in range(2):
            tag = confirms.next_tag()
            producer.publish("", routing_key=_KEY, retry=False)  # There is no queue of that name.
            confirms.wait([tag], deadline)
    except AccessRefused:  # It reads, and this user may write to our exchange alone.
        return True
    except TimeoutError:
        connection.collect()  # It would not read a farewell either.
        return False
    return True


def _redis(url: str) -> str:
    try:
        with Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS) as redis:
            redis.set(_KEY, b"", ex=_KEY_SECONDS)
    except RedisError as error:
        return reason(error)
    return ""


def reason(error: RedisError) -> str:
    """What Redis answers (its error replies) in one word."""
    said = str(error)
    if faults.is_full(said):
        return "disk_full"
    if said.startswith("MISCONF"):  # It cannot write down what it is told, and does not say why.
        return "disk"
    if said.startswith("max number of clients"):
        return "too_many_connections"
    return next((word for kind, word in _REASONS.items() if isinstance(error, kind)), "other")
