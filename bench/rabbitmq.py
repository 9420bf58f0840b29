"""Orders over a RabbitMQ whose connections break, fall silent and are slow, one of these each minute."""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from structlog import get_logger

from bench import client, mixes
from bench.mixes import MANY
from bench.proxy import Proxy, between
from bench.stack import Stack, started
from checkout.events import bus

ORDERS_PER_SECOND = 100
CONNECTIONS = 64
USERS = 20_000
QUEUE = "bench.rabbitmq"
FAULTS = ("broken", "silent", "slow")
FAULT_EVERY_SECONDS = 60.0
SLOW_SECONDS = 20.0
DELAY_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 60.0
MOST_REPEATS = 0.05

log = get_logger(__name__)

# Orders go on to expire while we judge: what is later than the mark is not looked for.
_MARK = "SELECT max(id) FROM events"
_EVENTS = "SELECT id FROM events WHERE topic NOT LIKE 'stock.%' AND id <= :mark"
_WAITS = """
    SELECT count(*) AS orders, count(placed_at) AS placed,
        COALESCE(max(extract(epoch FROM placed_at - accepted_at)), 0)::float8 AS longest
    FROM orders
"""


@dataclass
class Run:
    """What was asked for, what came, and how late."""

    accepted: int = 0
    placed: int = 0
    longest_seconds: float = 0.0
    events: int = 0
    lost: int = 0
    repeats: int = 0
    misordered: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def breaches(self) -> list[str]:
        """What should not be; empty when all is well."""
        found = {
            f"{self.accepted - self.placed} orders were not placed": self.accepted != self.placed,
            f"an order waited for {self.longest_seconds:.0f} s": self.longest_seconds > LONGEST_WAIT_SECONDS,
            f"{self.lost} events were lost": bool(self.lost),
            f"{self.misordered} events came before their predecessor": bool(self.misordered),
            f"{self.repeats} of {self.events} events came again": self.repeats > MOST_REPEATS * max(1, self.events),
        }
        return [what for what, is_so in found.items() if is_so]


class Subscriber:
    """Reads all events, over a connection of its own that no fault meets."""

    def __init__(self, url: str) -> None:
        self.heard: list[tuple[str, str, int]] = []
        self._stop = threading.Event()
        bus.declare(url, QUEUE, ["#"])
        self._thread = threading.Thread(target=self._read, args=(url,))
        self._thread.start()

    def _read(self, url: str) -> None:
        with closing(bus.subscribe(url, QUEUE, ["#"], self._stop.is_set)) as events:  # type: ignore[type-var] # A generator.
            for event in events:
                if not event["type"].startswith("checkout.stock."):  # The catalogue's came before we listened.
                    self.heard.append((event["id"], event["subject"], event["sequence"]))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


@contextmanager
def shop(url: str) -> Iterator[tuple[Stack, Proxy]]:
    """A stack on the RabbitMQ at `url`, in a virtual host that nobody else uses, and what stands between them."""
    there = urlsplit(url)
    port = there.port or 5672
    with between(port) as proxy:
        through = urlunsplit(there._replace(netloc=there.netloc.replace(f":{port}", f":{proxy.port}")))
        with started(mixes.catalogue(), USERS, CHECKOUT_BROKER_URL=through) as stack:
            yield stack, proxy


def measure(stack: Stack, proxy: Proxy, url: str, minutes: int) -> Run:
    """So many minutes with a fault in each."""
    run = Run()
    subscriber = Subscriber(url)
    try:
        with _faults(proxy, run, minutes):
            requests = mixes.orders(stack, MANY)
            tally = client.open_loop(stack.port, requests, CONNECTIONS, ORDERS_PER_SECOND, minutes * 60)
        run.accepted = tally.statuses[202]
        stack.settle()
        logged = {str(row.id) for row in stack.rows(_EVENTS, mark=stack.one(_MARK))}
        _until_heard(logged, subscriber)
    finally:
        subscriber.close()
        bus.drop(url, QUEUE)
    _judge(stack, run, logged, subscriber.heard)
    return run


@contextmanager
def _faults(proxy: Proxy, run: Run, minutes: int) -> Iterator[None]:
    stop = threading.Event()

    def go() -> None:
        for kind in itertools.islice(itertools.cycle(FAULTS), minutes):
            if stop.wait(FAULT_EVERY_SECONDS / 2):
                return
            run.faults.append(kind)
            log.info("fault", kind=kind)
            if kind == "broken":
                proxy.break_all()
            elif kind == "silent":
                proxy.silence()
            else:
                proxy.delay(DELAY_SECONDS)
                stop.wait(SLOW_SECONDS)
                proxy.delay(0.0)
            stop.wait(FAULT_EVERY_SECONDS / 2 - (SLOW_SECONDS if kind == "slow" else 0))

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        proxy.delay(0.0)


def _until_heard(logged: set[str], subscriber: Subscriber) -> None:
    deadline = time.monotonic() + 2 * LONGEST_WAIT_SECONDS
    while time.monotonic() < deadline:
        if logged <= {event for event, _, _ in subscriber.heard}:
            return
        time.sleep(1)


def _judge(stack: Stack, run: Run, logged: set[str], heard: list[tuple[str, str, int]]) -> None:
    [found] = stack.rows(_WAITS)
    run.placed, run.longest_seconds = found.placed, found.longest
    first = {event: number for number, (event, _, _) in reversed(list(enumerate(heard)))}
    run.events, run.repeats = len(first), len(heard) - len(first)
    run.lost = len(logged - set(first))
    latest: dict[str, int] = defaultdict(int)
    for _, subject, sequence in (heard[number] for number in sorted(first.values())):
        run.misordered += sequence < latest[subject]
        latest[subject] = max(latest[subject], sequence)
