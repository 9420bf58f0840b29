"""Placing accepted orders."""

from __future__ import annotations

from redis import RedisError
from structlog import get_logger

from checkout.db import transaction
from checkout.events import waking
from checkout.orders import cart, placement
from checkout.orders.placement import Placed
from tasks.app import app, resources

log = get_logger(__name__)


@app.task(name="place_orders")
def place_orders(order_ids: list[int]) -> None:
    """Places these orders, and those that arrived behind them."""
    _follow(placement.run(resources().engine, order_ids, resources().terms))


@app.task(name="place_order_alone")
def place_order_alone(order_id: int) -> None:
    """Places one order that may be what kills its batch."""
    _follow([placement.run_alone(resources().engine, order_id, resources().terms)])


def _follow(batches: list[Placed]) -> None:
    for batch in batches:
        waking.wake(resources().redis, batch.wakes)
        waking.tell_sold_out(resources().redis, batch.gone)
        if batch.carts:
            clear_carts(batch.carts, older_than_seconds=60)


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
