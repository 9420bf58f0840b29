"""What one order can cause harms no other: it is parked by the database's verdict, or tried alone, ever more rarely."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from checkout import db
from checkout.db import Engine, sql, transaction
from checkout.orders import allocation, placement, sweep, turns
from checkout.orders.sweep import Waiting
from tests.orders.waiting import swept, time_passes_at_the_door
from tests.shared.factories import TERMS, a_sku, an_order, many_orders, order, place_all, row, rows, stock_of, topics
from tests.shared.processes import eventually


def poison(engine: Engine, order_id: int) -> None:
    """Makes the order one that the database refuses whatever is tried."""
    with transaction(engine) as connection:
        statement = f"ALTER TABLE order_lines ADD CONSTRAINT poison_{order_id} CHECK (order_id <> {order_id})"
        connection.execute(sql(statement))


def cure(engine: Engine, order_id: int) -> None:
    with transaction(engine) as connection:
        connection.execute(sql(f"ALTER TABLE order_lines DROP CONSTRAINT poison_{order_id}"))


def test_a_poison_order_is_parked_and_the_rest_of_its_batch_is_placed(engine: Engine) -> None:
    a_sku(engine)
    first, bad, last = many_orders(engine, 3)
    poison(engine, bad)
    place_all(engine, [first, bad, last])
    assert [order(engine, id_).status for id_ in (first, bad, last)] == [
        *("awaiting_payment", "accepted", "awaiting_payment"),
    ]
    [parked] = rows(engine, "arrivals")
    assert parked.order_id == bad
    assert parked.error.startswith("23514 ")
    assert (stock_of(engine), topics(engine, bad)) == (3, [])


def test_what_is_parked_is_rung_no_more(engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    poison(engine, order_id)
    place_all(engine, [order_id])
    assert swept(engine, 10_000) == Waiting(None, [])
    assert place_all(engine, [order_id]) == []


def test_a_parked_order_can_be_tried_again(engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    poison(engine, order_id)
    place_all(engine, [order_id])
    cure(engine, order_id)
    with transaction(engine) as connection:
        sweep.retry(connection, [order_id])
    assert swept(engine).alone == [order_id]
    turns.run_alone(engine, order_id, TERMS)
    assert order(engine, order_id).status == "awaiting_payment"


REFUSING = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN IF NEW.order_id = {} THEN RAISE 'the warehouse says no'; END IF; RETURN NEW; END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON order_lines FOR EACH ROW EXECUTE FUNCTION refuse();
"""


def test_what_a_trigger_refuses_is_shown_with_its_error_and_tried_ever_more_rarely(engine: Engine) -> None:
    a_sku(engine)
    first, bad, last = many_orders(engine, 3)
    with transaction(engine) as connection:
        connection.exec_driver_sql(REFUSING.format(bad))
    place_all(engine, [first])
    assert [order(engine, id_).status for id_ in (first, last)] == ["awaiting_payment"] * 2
    waits = []
    for tries in range(1, 6):
        arrival = row(engine, "arrivals", order_id=bad)
        assert (arrival.tries, arrival.parked, arrival.error) == (tries, False, "P0001 the warehouse says no")
        waits.append(seconds_until_alone(engine, bad))
        assert swept(engine, waits[-1]).alone == [bad]
        turns.run_alone(engine, bad, TERMS)
    assert waits == [60, 300, 1800, 3600, 3600]
    with transaction(engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER refuse ON order_lines")
    turns.run_alone(engine, bad, TERMS)
    assert order(engine, bad).status == "awaiting_payment"


def seconds_until_alone(engine: Engine, order_id: int) -> float:
    """Since the try began that set it."""
    with transaction(engine) as connection:
        wait = "SELECT ceil(extract(epoch FROM alone_at - now()))::int FROM arrivals WHERE order_id = :id"
        return float(connection.execute(sql(wait), {"id": order_id}).scalar_one())


def test_an_order_on_which_our_own_rules_stumble_harms_no_other(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_sku(engine)
    first, bad, last = many_orders(engine, 3)
    judge = allocation.judge

    def stumble(asked: Any, *rest: Any) -> Any:
        if asked.id == bad:
            raise ZeroDivisionError
        return judge(asked, *rest)

    monkeypatch.setattr(allocation, "judge", stumble)
    place_all(engine, [first])
    assert [order(engine, id_).status for id_ in (first, last)] == ["awaiting_payment"] * 2
    assert row(engine, "arrivals").error == "ZeroDivisionError in our own rules"


def dies_with(engine: Engine, order_id: int) -> None:
    """A worker takes what waits, the overdue ones by a claim, and dies before it has placed it."""
    doomed = db.connect(str(engine.url), size=1)
    with transaction(doomed) as connection:
        sweep.claim(connection, [order_id])
    doomed.dispose()
    gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity s JOIN arrivals a ON s.pid = a.claimed_by)"

    def is_gone() -> bool:
        with transaction(engine) as connection:
            return bool(connection.execute(sql(gone)).scalar_one())

    eventually(is_gone, "the backend of the dead worker is gone")


def test_an_order_that_kills_its_workers_is_placed_alone_after_three_deaths(engine: Engine) -> None:
    a_sku(engine)
    killer = an_order(engine)
    for deaths in (1, 2, 3):
        assert swept(engine).alone == []
        dies_with(engine, killer)
        assert swept(engine).alone == ([killer] if deaths == 3 else [])
        assert row(engine, "arrivals").deaths == deaths
    good = an_order(engine, user_id=2)
    place_all(engine, [killer, good])
    assert (order(engine, killer).status, order(engine, good).status) == ("accepted", "awaiting_payment")
    turns.run_alone(engine, killer, TERMS)
    assert order(engine, killer).status == "awaiting_payment"


def test_who_dies_of_a_try_alone_is_tried_again_later(engine: Engine) -> None:
    killer = an_order(engine)
    with transaction(engine) as connection:
        assert sweep.claim_alone(connection, killer)
    assert swept(engine, 59).alone == []
    assert swept(engine, 1).alone == [killer]


def test_a_worker_that_lives_has_not_died_of_what_it_took(engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    with transaction(engine) as connection:
        sweep.claim(connection, [order_id])
    assert swept(engine) == Waiting(order_id, [])
    assert row(engine, "arrivals").deaths == 0


def test_a_backend_of_a_server_that_was_started_again_counts_for_nothing(engine: Engine) -> None:
    order_id = an_order(engine)
    dies_with(engine, order_id)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE arrivals SET claimed_since = pg_postmaster_start_time() - interval '1 second'"))
    swept(engine)
    arrival = row(engine, "arrivals", order_id=order_id)
    assert (arrival.deaths, arrival.claimed_by) == (0, None)


def test_a_time_limit_takes_the_claim_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class TimeLimit(Exception):
        """As Celery's."""

    def hangs(*_: Any) -> None:
        with transaction(engine) as connection:
            assert connection.execute(sql("SELECT claimed_by FROM arrivals")).scalar() is not None
        raise TimeLimit

    a_sku(engine)
    order_id = an_order(engine)
    time_passes_at_the_door(engine, 60)
    with monkeypatch.context() as patched:
        patched.setattr(placement, "_place", hangs)
        with pytest.raises(TimeLimit):
            place_all(engine, [order_id])
    arrival = row(engine, "arrivals", order_id=order_id)
    assert (arrival.claimed_by, arrival.deaths) == (None, 0)
    place_all(engine, [order_id])
    assert order(engine, order_id).status == "awaiting_payment"


def test_a_time_limit_says_nothing_of_an_order_tried_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class TimeLimit(Exception):
        """As Celery's."""

    def hangs(*_: Any) -> None:
        raise TimeLimit

    a_sku(engine)
    order_id = an_order(engine)
    with monkeypatch.context() as patched:
        patched.setattr(placement, "_place", hangs)
        with pytest.raises(TimeLimit):
            turns.run_alone(engine, order_id, TERMS)
    assert (row(engine, "arrivals").tries, seconds_until_alone(engine, order_id)) == (0, sweep.AGAIN_SECONDS)


def test_a_row_that_is_locked_for_long_parks_nothing(engine: Engine) -> None:
    """Every statement that waits for it ends by its time limit, again and again."""
    a_sku(engine)
    hurried = db.connect(str(engine.url), statement_seconds=1)
    ids = many_orders(engine, 3)
    with transaction(engine) as connection:
        connection.execute(sql("SELECT FROM skus FOR UPDATE"))
        with pytest.raises(DBAPIError):
            place_all(hurried, ids)
        assert swept(engine, 100) == Waiting(ids[0], [])
    place_all(hurried, ids)
    hurried.dispose()
    assert {order(engine, order_id).status for order_id in ids} == {"awaiting_payment"}


def test_one_sweep_rings_for_so_many_alone_at_most(engine: Engine) -> None:
    many_orders(engine, sweep.MOST_ALONE + 1)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE arrivals SET alone_at = now()"))
    assert len(swept(engine).alone) == sweep.MOST_ALONE
