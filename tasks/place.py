"""Placing accepted orders."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from functools import partial

from redis import RedisError
from structlog import get_logger

from checkout.db import transaction
from checkout.events import waking
from checkout.metrics import measures
from checkout.orders import cart, turns
from checkout.orders.placement import Placed
from tasks import traces, turn
from tasks.app import app, resources
from tasks.rounds import beat
from tasks.summary import summary, told

log = get_logger(__name__)


@app.task(name="place_orders", send_events=False)
@told
def place_orders(order_ids: list[int]) -> str:
    """Places all that waits; the ids are those for which it was rung."""
    became: Counter[str] = Counter()
    with traces.Story("place order") as story:
        batches = partial(turns.run, resources().engine, order_ids, resources().terms)
        turn.take("place_orders", lambda: _follow(batches(), became, story))
    return summary(became)


@app.task(name="place_order_alone", send_events=False)
@told
def place_order_alone(order_id: int) -> str:
    """Places one order that would harm its batch."""
    became: Counter[str] = Counter()
    with traces.Story("place order") as story:
        _follow([turns.run_alone(resources().engine, order_id, resources().terms)], became, story)
    return summary(became)


def _follow(batches: Iterable[Placed], became: Counter[str], story: traces.Story) -> int:
    """After each commit, while the next batch has not begun; how many orders there were."""
    count, began = 0, time.time_ns()
    for batch in batches:
        count += batch.count
        became += batch.outcomes
        _count(batch)
        waking.wake(resources().redis, batch.wakes)
        waking.tell_short(resources().redis, batch.short)
        if batch.carts:
            clear_carts(batch.carts, older_than_seconds=60)
        beat("queue orders")  # Behind a backlog beat's own task would not come through in time.
        story.done([order_id for order_id, _ in batch.wakes], began)
        began = time.time_ns()
    return count


def _count(batch: Placed) -> None:
    if batch.count:
        measures.batches.add(batch.count)
    for outcome, count in batch.outcomes.items():
        measures.orders_decided.add(outcome, count=count)
    measures.order_waited.add_all(batch.waited)


def clear_carts(order_ids: list[int], older_than_seconds: float) -> None:
    """Takes what was bought out of the carts; what fails is left to the sweep."""
    with transaction(resources().engine) as connection:
        clearings = cart.to_clear(connection, order_ids, older_than_seconds)
    try:
        for clearing in clearings:
            cart.clear(resources().redis, clearing)
    except RedisError as error:
        log.warning("carts_left_for_later", count=len(clearings), error=type(error).__name__)
        return
    with transaction(resources().engine) as connection:
        cart.cleared(connection, clearings)
