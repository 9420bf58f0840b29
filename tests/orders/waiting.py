"""Orders that wait to be placed, and the sweep that finds them."""

from __future__ import annotations

from checkout.db import Engine, sql, transaction
from checkout.orders import sweep
from checkout.orders.sweep import Waiting


def time_passes_at_the_door(engine: Engine, seconds: float) -> None:
    move = """
        UPDATE arrivals SET since = since - t, alone_at = alone_at - t
        FROM (SELECT make_interval(secs => :s) AS t) AS passed
    """
    with transaction(engine) as connection:
        connection.execute(sql(move), {"s": seconds})


def swept(engine: Engine, after_seconds: float = 60) -> Waiting:
    time_passes_at_the_door(engine, after_seconds)
    with transaction(engine) as connection:
        return sweep.overdue(connection)
