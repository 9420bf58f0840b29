"""A worker's turn at what waits to be placed: batch by batch, and alone what would harm its batch.

What fails for a passing reason is tried again as it is. What one order can cause is isolated: each of the batch alone,
and the one that fails alone is noted (`sweep`). What waited for long may be what kills workers, so that it was taken is
committed before it is placed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from weakref import WeakKeyDictionary

from sqlalchemy.exc import DBAPIError
from structlog import get_logger

from checkout import db
from checkout.db import Connection, Engine, sql, transaction
from checkout.orders import placement, sweep
from checkout.orders.allocation import Terms
from checkout.orders.placement import MOST_ORDERS, NOTHING, Overdue, Placed
from checkout.orders.pricing import Hung

log = get_logger(__name__)

# Placed orders leave dead entries at the front of the index until vacuum comes. What waits is looked for from so many
# orders before the oldest that this process saw last; what commits later than that is found by the sweep.
FRONT_DEPTH = 20_000
_fronts: WeakKeyDictionary[Engine, int] = WeakKeyDictionary()
# What one order can cause: what the database says of its data or its triggers do, and what our own rules stumble on.
FAULTS = (DBAPIError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

_WAITING = sql("""
    SELECT order_id FROM arrivals WHERE order_id >= :first AND alone_at IS NULL AND NOT parked
    ORDER BY order_id LIMIT :most
""")


def run(engine: Engine, order_ids: Sequence[int], terms: Terms) -> Iterator[Placed]:
    """Places what waits, the oldest first, until nothing is left for this worker; yields after each commit."""
    while True:
        first = min([*order_ids, _fronts.get(engine, 0)])
        try:
            placed = _place(engine, first, terms)
        except FAULTS as error:
            _raise_if_passing(error)
            log.warning("batch_isolated", error=type(error).__name__)
            yield from isolate(engine, first, terms)
            return
        except Hung as hung:  # The worker's own time limit may be near: the others are for the next turn.
            _park(engine, hung)
            return
        if placed.count:
            _fronts[engine] = max(0, placed.first - FRONT_DEPTH)
            yield placed
        if placed.count < MOST_ORDERS and not placed.has_more:
            return


def isolate(engine: Engine, first: int, terms: Terms) -> Iterator[Placed]:
    """Places each order in a transaction of its own.

    Not by savepoints in one transaction: the locks of one order after the other would break the lock order.
    """
    with transaction(engine) as connection:
        ids = list(connection.execute(_WAITING, {"first": first, "most": MOST_ORDERS}).scalars())
    for order_id in ids:
        yield run_alone(engine, order_id, terms)


def run_alone(engine: Engine, order_id: int, terms: Terms) -> Placed:
    """Places one order, or notes why it cannot be: for good when its data is at fault, else until a later try."""
    with transaction(engine) as connection:
        if not sweep.claim_alone(connection, order_id):
            return NOTHING
    try:
        return _try_again(engine, lambda connection: placement.place_alone(connection, order_id, terms))
    except Hung as hung:
        _park(engine, hung)
        return NOTHING
    except BaseException as error:
        if not isinstance(error, FAULTS) or _is_passing(error):
            sweep.take_back_alone(engine, order_id)
            raise
        _note(engine, order_id, error)
        return NOTHING


def _park(engine: Engine, hung: Hung) -> None:
    """In a transaction of its own: the one in which it hung may be gone with its session."""
    with transaction(engine) as connection:
        sweep.fail_alone(connection, hung.order_id, str(hung), parked=True)
    log.error("order_not_placed", order_id=hung.order_id, parked=True, why=str(hung))


def _note(engine: Engine, order_id: int, error: Exception) -> None:
    is_verdict = db.is_data_fault(error)
    says = db.verdict(error) if isinstance(error, DBAPIError) else f"{type(error).__name__} in our own rules"
    with transaction(engine) as connection:
        sweep.fail_alone(connection, order_id, says, parked=is_verdict)
    log.error("order_not_placed", order_id=order_id, parked=is_verdict, sqlstate=db.sqlstate(error))


def _place(engine: Engine, first: int, terms: Terms) -> Placed:
    noted, own = set[int](), set[int]()
    try:
        while True:
            try:
                return _try_again(engine, lambda connection: placement.place(connection, first, terms, noted))
            except Overdue as overdue:  # Time goes on: the next look may find others that have become so.
                noted.update(overdue.order_ids)
                with transaction(engine) as connection:
                    own.update(sweep.claim(connection, overdue.order_ids))
    finally:  # This worker lives, even when its time limit struck, and has let go of what it did not place.
        if own:
            sweep.take_back(engine, own)


def _try_again(engine: Engine, step: Callable[[Connection], Placed]) -> Placed:
    """A lost connection, a deadlock or a full server passes: the same batch is tried as it is."""
    for wait_seconds in (0.01, 0.05, 0.2):
        try:
            with transaction(engine) as connection:
                return step(connection)
        except DBAPIError as error:
            if not db.is_passing(error):
                raise
            log.warning("placement_tried_again", sqlstate=db.sqlstate(error))
            time.sleep(wait_seconds)
    with transaction(engine) as connection:
        return step(connection)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and db.is_passing(error)


def _raise_if_passing(error: Exception) -> None:
    if _is_passing(error):
        raise error
