"""What waited for long is claimed before it is placed: by one worker, all of it, and only for as long as he has it."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pytest

from checkout import db
from checkout.db import Connection, Engine, sql, transaction
from checkout.orders import placement, sweep
from tests.orders.waiting import time_passes_at_the_door
from tests.shared.databases import on_each_way
from tests.shared.factories import a_sku, an_order, order, place_all, row

pytestmark = on_each_way


def before_each_claim(monkeypatch: pytest.MonkeyPatch, happens: Callable[[list[int]], None]) -> list[list[int]]:
    """Something happens between the look that finds overdue orders and their claim; returns what was claimed."""
    claim, claims = sweep.claim, list[list[int]]()

    def claimed(connection: Connection, order_ids: Collection[int]) -> list[int]:
        claims.append(sorted(order_ids))
        happens(sorted(order_ids))
        return claim(connection, order_ids)

    monkeypatch.setattr(sweep, "claim", claimed)
    return claims


def test_who_becomes_overdue_while_others_are_claimed_goes_along(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time goes on while a worker looks: at any rate somebody crosses the line just then."""
    a_sku(engine)
    first = an_order(engine)
    time_passes_at_the_door(engine, 60)
    later: list[int] = []

    def another_waits_as_long(_: list[int]) -> None:
        if len(later) < 3:
            later.append(an_order(engine, user_id=2))
            time_passes_at_the_door(engine, 60)

    claims = before_each_claim(monkeypatch, another_waits_as_long)
    place_all(engine, [first])
    assert {order(engine, order_id).status for order_id in [first, *later]} == {"awaiting_payment"}
    assert claims == [[first], *([order_id] for order_id in later)]


def test_what_was_claimed_and_not_placed_is_let_go(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would be taken for a death when this worker's connection ends."""
    a_sku(engine)
    stays, goes = an_order(engine), an_order(engine, user_id=2)
    time_passes_at_the_door(engine, 60)

    def it_is_to_go_alone(_: list[int]) -> None:
        with transaction(engine) as connection:
            later = "UPDATE arrivals SET alone_at = now() + interval '1 hour' WHERE order_id = :id"
            connection.execute(sql(later), {"id": stays})

    claims = before_each_claim(monkeypatch, it_is_to_go_alone)
    place_all(engine, [stays])
    assert claims == [[stays, goes]]
    assert (order(engine, goes).status, row(engine, "arrivals").claimed_by) == ("awaiting_payment", None)


def test_what_another_worker_has_claimed_stays_his(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that find the same overdue orders: the one that comes second may not wipe out the first one's claim."""
    order_id = an_order(engine)
    time_passes_at_the_door(engine, 60)
    other = db.connect(str(engine.url), size=1)
    claim = sweep.claim

    def the_other_is_first(_: list[int]) -> None:
        with transaction(other) as connection:
            claim(connection, [order_id])
        monkeypatch.setattr(placement, "_place", lambda *_: placement.NOTHING)  # The other one holds the row.

    before_each_claim(monkeypatch, the_other_is_first)
    place_all(engine, [order_id])
    with transaction(other) as connection:
        pid = connection.execute(sql("SELECT pg_backend_pid()")).scalar_one()
    assert row(engine, "arrivals").claimed_by == pid
    other.dispose()
