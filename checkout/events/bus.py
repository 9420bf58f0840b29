"""The exchange `checkout.events` on RabbitMQ or Redis, for the relay that fills it and subscribers that read it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import msgspec
from amqp.exceptions import AMQPError
from kombu import Connection, Consumer, Exchange, Queue
from kombu.exceptions import KombuError, OperationalError

from checkout.errors import CheckoutError
from checkout.events import patient
from checkout.events.log import CONTENT_TYPE, EXCHANGE, Logged
from checkout.settings import addresses

if TYPE_CHECKING:
    from kombu.transport.base import StdChannel

patient.install()

exchange = Exchange(EXCHANGE, type="topic", durable=True, delivery_mode="persistent")

# On Redis the event bus lives in a key space of its own: Celery's workers share one table of unacknowledged messages
# per key space, and one that does not know this exchange would drop what it restores.
REDIS_PREFIX = "checkout.events:"
SOCKET_SECONDS = 5
# Below half of the relay's lease, so that it is renewed in time.
CONFIRM_SECONDS = 5.0
RENEW_SECONDS = 5.0
TEMPORARY = "tail."
TEMPORARY_QUEUE_SECONDS = 60
TEMPORARY_QUEUE_EVENTS = 10_000


def connect(url: str, key_prefix: str = REDIS_PREFIX) -> Connection:
    """A connection with deadlines."""
    if url.startswith("redis"):
        options: dict[str, Any] = {
            "global_keyprefix": key_prefix,
            "socket_timeout": SOCKET_SECONDS,
            "socket_connect_timeout": 2,
            "priority_steps": [0],
            "visibility_timeout": 60,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
        }
    else:
        options = {"write_timeout": SOCKET_SECONDS}
    plain, tls = addresses.for_kombu(url)
    return Connection(
        plain, ssl=dict(tls) if tls else False, transport_options=options, connect_timeout=3, heartbeat=30
    )


class Partly(CheckoutError):
    """So many events from the batch's beginning have surely been sent; of the others nobody knows."""

    code = "events_partly_sent"

    def __init__(self, count: int, why: str) -> None:
        super().__init__(f"{count} events were confirmed, then {why}")
        self.count = count


class Bus:
    """One relay's end, for one thread. `publish` has handed over everything, or raises; Partly says how much it has."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        self._is_redis = url.startswith("redis")
        self._confirms: Confirms | None = None

    def publish(self, batch: Sequence[Logged]) -> None:
        try:
            if self._is_redis:
                with self._connection.Producer(auto_declare=False) as producer:
                    exchange(cast("StdChannel", producer.channel)).declare()
                    self._publish_to_queues(producer, batch)
            else:
                self._publish_confirmed(batch)
        except Exception:
            self.close()  # Its state is unknown; the next round starts with a fresh one.
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
                    _send(producer, event, "", queue)

    def _publish_confirmed(self, batch: Sequence[Logged]) -> None:
        """In waves of at most one event a subject: what is confirmed late or never cannot be overtaken by its next."""
        if self._confirms is None:
            exchange(self._connection.default_channel).declare()
            self._confirms = Confirms(self._connection.default_channel)
        confirms, sent = self._confirms, set[int]()
        deadline = time.monotonic() + CONFIRM_SECONDS
        producer = self._connection.Producer(auto_declare=False)
        try:
            for wave in _waves(batch):
                tags = {}
                for place in wave:
                    tags[confirms.next_tag()] = place
                    _send(producer, batch[place], EXCHANGE)
                confirms.wait(tags, deadline)
                sent |= {place for tag, place in tags.items() if tag in confirms.acknowledged}
                if len(sent & set(wave)) < len(wave):
                    raise TimeoutError("not all were confirmed")
        except (AMQPError, OSError, KombuError) as error:
            first_unsure = next(place for place in range(len(batch) + 1) if place not in sent)
            raise Partly(first_unsure, type(error).__name__) from error

    def close(self) -> None:
        self._confirms = None
        self._connection.close()


class Confirms:
    """What RabbitMQ has confirmed on one channel, by the numbers that it counts publishes with."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._last = self._upto = 0
        self.acknowledged: set[int] = set()
        self._refused: set[int] = set()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.confirm_select()

    def next_tag(self) -> int:
        self._last += 1
        return self._last

    def wait(self, tags: Collection[int], deadline: float) -> None:
        """Until all of them are confirmed or refused. Raises TimeoutError."""
        while set(tags) - self.acknowledged - self._refused:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the broker does not confirm")
            self._channel.connection.drain_events(timeout=left)

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self.acknowledged |= self._covered(tag, multiple)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._refused |= self._covered(tag, multiple)

    def _covered(self, tag: int, multiple: bool) -> set[int]:
        covered = set(range(self._upto + 1, tag + 1)) - self.acknowledged - self._refused if multiple else {tag}
        self._upto = max(self._upto, tag) if multiple else self._upto
        return covered


def _waves(batch: Sequence[Logged]) -> Iterator[list[int]]:
    """The places in the batch, each wave with at most one of a subject, in the order of the log."""
    waiting = list(range(len(batch)))
    while waiting:
        wave: dict[str, int] = {}
        for place in waiting:
            wave.setdefault(batch[place].subject, place)
        yield list(wave.values())
        chosen = set(wave.values())
        waiting = [place for place in waiting if place not in chosen]


def _send(producer: Any, event: Logged, to: str, queue: str | None = None) -> None:
    producer.publish(
        msgspec.json.encode(event.cloud_event()),
        exchange=to,
        routing_key=event.topic if queue is None else queue,
        content_type=CONTENT_TYPE,
        content_encoding="utf-8",
        delivery_mode=2,
        retry=False,
        message_id=str(event.id),
    )


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
            renewed_at = time.monotonic()
            try:
                while not stop():
                    if url.startswith("redis") and time.monotonic() > renewed_at + RENEW_SECONDS:
                        _bind_again(connection.default_channel, queue)
                        renewed_at = time.monotonic()
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


def _bind_again(channel: Any, queue: Queue) -> None:
    """Whoever empties Redis takes the bindings along; kombu's own declare remembers that it made them."""
    for one in queue.bindings:
        meta = channel.typeof(EXCHANGE).prepare_bind(queue.name, EXCHANGE, one.routing_key, {})
        channel._queue_bind(EXCHANGE, *meta)


def _decoded(body: Any) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(body) if isinstance(body, (bytes, str)) else body
    return event


def _queue(name: str, patterns: Sequence[str], *, durable: bool) -> Queue:
    bounds: dict[str, Any] = (
        {} if durable else {"expires": TEMPORARY_QUEUE_SECONDS, "max_length": TEMPORARY_QUEUE_EVENTS}
    )
    bindings = [exchange.binding(pattern) for pattern in patterns]
    # The type is said, since a virtual host may have another by default. What is temporary is one connection's alone:
    # RabbitMQ 4.3 refuses queues that are neither durable nor exclusive.
    bounds |= {"queue_arguments": {"x-queue-type": "classic"}, "exclusive": not durable}
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
