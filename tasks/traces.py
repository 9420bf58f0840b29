"""What workers did, told in the trace of each order that has one; nothing is looked up where nobody records."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from checkout.traces import context, kept, spans
from tasks.app import resources


def tell(name: str, order_ids: Collection[int], began: int) -> None:
    """Work on many orders at once; `began` in nanoseconds since 1970."""
    here = context.current.get()
    for order_id, traceparent in _of(order_ids).items():
        spans.mark(name, "CONSUMER", traceparent, began, [here] if here else [], order_id=str(order_id))


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
