"""What workers did, told in the trace of each order that has one; nothing is looked up where nobody records."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

from sqlalchemy.exc import DBAPIError
from structlog import get_logger

from checkout.traces import context, kept, spans
from tasks.app import resources

log = get_logger(__name__)

# As many are looked up at once; more than a turn has under any load but a backlog's.
MOST_UNTOLD = 5000


class _Done(NamedTuple):
    """Nanoseconds since 1970."""

    order_id: int
    began: int
    ended: int


class Story:
    """Work on many orders, batch after batch, told when the turn is over.

    Few of them have a trace: one look for a second of batches, not one for each.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._untold: list[_Done] = []

    def done(self, order_ids: Collection[int], began: int) -> None:
        """These were done just now."""
        if spans.recorder() is None:
            return
        ended = time.time_ns()
        self._untold.extend(_Done(order_id, began, ended) for order_id in order_ids)
        if len(self._untold) >= MOST_UNTOLD:
            self._tell()

    def _tell(self) -> None:
        """A trace may be lost, a turn may not: what was done is committed."""
        try:
            traces = _of([done.order_id for done in self._untold])
        except DBAPIError as error:
            log.warning("traces_not_told", count=len(self._untold), error=type(error).__name__)
            traces = {}
        here = context.current.get()
        links = [here] if here else []
        for order_id, began, ended in self._untold:
            if traceparent := traces.get(order_id):
                spans.mark(self._name, "CONSUMER", traceparent, began, links, ended, order_id=str(order_id))
        self._untold.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, fault: type[BaseException] | None, *_more: object) -> None:
        if fault is None:  # Else somebody waits for the fault, or a time limit is near.
            self._tell()


@contextmanager
def following(name: str, order_id: int) -> Iterator[None]:
    """Work on one order."""
    with spans.span(name, "INTERNAL", _of([order_id]).get(order_id, ""), order_id=str(order_id)):
        yield


def _of(order_ids: Collection[int]) -> dict[int, str]:
    if spans.recorder() is None or not order_ids:
        return {}
    with resources().engine.connect() as connection:
        return kept.of(connection, order_ids)
