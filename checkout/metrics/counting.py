"""Counters and histograms that are made when something is first counted.

The library decides where a number is kept when it makes it. A worker forks after it has imported everything, and where
its children's numbers go is known in between.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector
from structlog import get_logger

from checkout import settings

log = get_logger(__name__)

registry = CollectorRegistry()
_making = threading.Lock()

M = TypeVar("M", Counter, Histogram)


@contextmanager
def _harmless() -> Iterator[None]:
    """What is counted is business that goes on when its number cannot be kept, as when somebody has emptied /tmp."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        log.warning("not_counted", error=type(error).__name__)


class _Lazy(Generic[M]):
    def __init__(self, labels: tuple[str, ...], make: Callable[[], M]) -> None:
        self.labels = labels
        self._make: Callable[[], M] = cache(make)
        self._children: dict[tuple[str, ...], M] = {}

    def of(self, *labels: str) -> M:
        """The one with these labels."""
        return self._children.get(labels) or self._add(labels)

    def _add(self, labels: tuple[str, ...]) -> M:
        with _making:
            made = self._make()
            self._children[labels] = made.labels(*labels) if labels else made
        return self._children[labels]


class Tally(_Lazy[Counter]):
    """How often something happened."""

    def __init__(self, name: str, meaning: str, *labels: str) -> None:
        super().__init__(labels, lambda: Counter(name, meaning, labels, registry=registry))

    def add(self, *labels: str, count: float = 1) -> None:
        with _harmless():
            self.of(*labels).inc(count)

    def begin(self, words: Iterable[str]) -> None:
        """At zero with each of these as its label: a series that begins with the first faults has no rate."""
        with _harmless():
            for word in words:
                self.of(word)


class Spread(_Lazy[Histogram]):
    """How large or how long something was."""

    def __init__(self, name: str, meaning: str, *labels: str, bounds: Iterable[float]) -> None:
        super().__init__(labels, lambda: Histogram(name, meaning, labels, buckets=tuple(bounds), registry=registry))

    def add(self, value: float, *labels: str) -> None:
        self.add_all([value], *labels)

    def add_all(self, some: Iterable[float], *labels: str) -> None:
        with _harmless():
            spread = self.of(*labels)
            for value in some:
                spread.observe(value)


class SharedCounts:
    """A directory into which processes count, so that one of them can tell the sum; it goes with this object."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="checkout-metrics-")
        self._sums = CollectorRegistry()
        settings.tell("PROMETHEUS_MULTIPROC_DIR", self._directory.name)
        MultiProcessCollector(self._sums, path=self._directory.name)  # type: ignore[no-untyped-call] # As below.

    def follow_forks(self) -> None:
        """This process, and those that it forks from now on, count there; one that is spawned does so by itself."""
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call] # It has no types there.

    def told(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self._sums)

    def close(self) -> None:
        self._directory.cleanup()
