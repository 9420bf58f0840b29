"""The exchange `checkout.events` on RabbitMQ or Redis, for the relay that fills it and subscribers that read it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec
from kombu import Connection, Consumer, Exchange, Queue
from kombu.exceptions import OperationalError

from checkout.events.log import EXCHANGE, Logged

if TYPE_CHECKING:
    from kombu.transport.base import StdChannel

exchange = Exchange(EXCHANGE, type="topic", durable=True, delivery_mode="persistent")

# On Redis the event bus lives in a key space of its own: Celery's workers share one table of unacknowledged messages
# per key space, and one that does not know this exchange would drop what it restores.
REDIS_PREFIX = "checkout.events:"
SOCKET_SECONDS = 5
TEMPORARY = "tail."
TEMPORARY_QUEUE_SECONDS = 60
TEMPORARY_QUEUE_EVENTS = 10_000


def connect(url: str) -> Connection:
    """A connection with deadlines; on RabbitMQ with publisher confirms."""
    if url.startswith("redis"):
        options: dict[str, Any] = {
            "global_keyprefix": REDIS_PREFIX,
            "socket_timeout": SOCKET_SECONDS,
            "socket_connect_timeout": 2,
            "priority_steps": [0],
            "visibility_timeout": 60,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
        }
    else:
        options = {"confirm_publish": True, "read_timeout": SOCKET_SECONDS, "write_timeout": SOCKET_SECONDS}
    return Connection(url, transport_options=options, connect_timeout=3, heartbeat=30)


class Bus:
    """The relay's end. `publish` has either handed over everything or raises; raising means "maybe sent"."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        self._is_redis = url.startswith("redis")

    def publish(self, batch: Sequence[Logged]) -> None:
        try:
            with self._connection.Producer(auto_declare=False) as producer:
                exchange(cast("StdChannel", producer.channel)).declare()
                if self._is_redis:
                    self._publish_to_queues(producer, batch)
                else:
                    for event in batch:
                        self._send(producer, event, EXCHANGE, event.topic)
        except Exception:
            self._connection.close()  # Its state is unknown; the next round starts with a fresh one.
            raise

    def _publish_to_queues(self, producer: Any, batch: Sequence[Logged]) -> None:
        """Bindings are read once per batch; a message that goes straight to its queue is restored straight to it."""
        channel = producer.channel
        table = _living(channel, channel.get_table(EXCHANGE))
        lookup = channel.exchange_types["topic"].lookup
        queues = {topic: lookup(table, EXCHANGE, topic, None) for topic in {event.topic for event in batch}}
        with producer.batch(1000):
            for event in batch:
                for queue in queues[event.topic]:
                    self._send(producer, event, "", queue)

    def _send(self, producer: Any, event: Logged, to: str, routing_key: str) -> None:
        producer.publish(
            msgspec.json.encode(event.cloud_event()),
            exchange=to,
            routing_key=routing_key,
            content_type="application/json",
            content_encoding="utf-8",
            delivery_mode=2,
            retry=False,
            message_id=str(event.id),
            **({} if self._is_redis else {"confirm_timeout": SOCKET_SECONDS}),
        )

    def close(self) -> None:
        self._connection.close()


def _living(channel: Any, table: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """The bindings without those of killed temporary subscribers: on Redis neither their queue nor its length ends."""
    left = []
    for key, pattern, queue in table:
        if queue.startswith(TEMPORARY) and channel._size(queue) > TEMPORARY_QUEUE_EVENTS:
            channel._delete(queue, EXCHANGE, key, pattern)
        else:
            left.append((key, pattern, queue))
    return left


def subscribe(
    url: str, name: str | None, patterns: Sequence[str], stop: Callable[[], bool] = lambda: False
) -> Iterator[dict[str, Any]]:
    """Yields events until `stop`, each acknowledged when the next is asked for. Without a name the queue is temporary.

    On Redis a subscriber that is killed may miss what it was fetching; it catches up from the event log.
    """
    with connect(url) as connection:
        own = f"{TEMPORARY}{socket.gethostname()}.{time.time_ns()}"
        queue = _queue(name or own, patterns, durable=name is not None)
        pending: list[tuple[dict[str, Any], Any]] = []
        with Consumer(
            connection,
            queue,
            prefetch_count=1,
            callbacks=[lambda body, message: pending.append((_decoded(body), message))],
        ):
            try:
                while not stop():
                    try:
                        connection.drain_events(timeout=1)
                    except TimeoutError:
                        connection.heartbeat_check()
                    while pending:
                        body, message = pending.pop(0)
                        yield body
                        message.ack()
            finally:
                if name is None:
                    queue(connection.default_channel).delete()


def _decoded(body: Any) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(body) if isinstance(body, (bytes, str)) else body
    return event


def _queue(name: str, patterns: Sequence[str], *, durable: bool) -> Queue:
    bounds: dict[str, Any] = (
        {} if durable else {"expires": TEMPORARY_QUEUE_SECONDS, "max_length": TEMPORARY_QUEUE_EVENTS}
    )
    bindings = [exchange.binding(pattern) for pattern in patterns]
    return Queue(name, exchange=exchange, bindings=bindings, durable=durable, auto_delete=not durable, **bounds)


def declare(url: str, name: str, patterns: Sequence[str]) -> None:
    """Makes a durable subscriber's queue, so that it misses nothing from now on."""
    with connect(url) as connection:
        _queue(name, patterns, durable=True)(connection.default_channel).declare()


def drop(url: str, name: str) -> None:
    """Deletes a durable subscriber's queue with what is in it."""
    with connect(url) as connection:
        channel: Any = connection.default_channel  # Each transport's channel has more than the base.
        if not url.startswith("redis"):
            channel.queue_delete(name)
            return
        # kombu's own queue_delete knows only the bindings that this process made.
        for key, pattern, queue in channel.get_table(EXCHANGE):
            if queue == name:
                channel._delete(name, EXCHANGE, key, pattern)


def reachable(url: str) -> bool:
    """Whether the broker answers."""
    try:
        with connect(url) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except (OperationalError, OSError):
        return False
    return True
