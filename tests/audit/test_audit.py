"""The audit holds for a shop in which everything has happened, and each of its proofs fails when it should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from checkout import db
from checkout.audit import invariants
from checkout.audit.invariants import PROOFS, Finding
from checkout.db import Engine, reading, sql, transaction
from sandbox import postgres
from sandbox.postgres import Postgres
from tests.audit import scenario
from tests.audit.scenario import (
    ACCEPTED,
    AWAITING,
    CANCELLED,
    CLOSING,
    COMPLETED,
    EXPIRED,
    PARTLY,
    REFUNDED,
    REINSTATED,
    REJECTED,
    TWICE,
)

_numbers = count(1)


@pytest.fixture(scope="module")
def filled(server: Postgres, template: str) -> str:
    """The database that every test's own is a copy of."""
    name = "template_audited"
    engine = db.connect(postgres.create_database(server.url(), name, template=template))
    scenario.fill(engine)
    engine.dispose()
    return name


@pytest.fixture
def engine(server: Postgres, filled: str) -> Iterator[Engine]:
    name = f"audited_{next(_numbers)}"
    made = db.connect(postgres.create_database(server.url(), name, template=filled), by_index=False)
    yield made
    made.dispose()
    postgres.drop_database(server.url(), name)


def findings(engine: Engine, since: datetime | None = None) -> dict[str, Finding]:
    with reading(engine) as connection:
        return {finding.name: finding for finding in invariants.run(connection, since)}


def breaches(engine: Engine, since: datetime | None = None) -> dict[str, str]:
    return {name: finding.detail for name, finding in findings(engine, since).items() if not finding.ok}


def test_a_shop_in_which_everything_has_happened_is_whole(engine: Engine) -> None:
    assert breaches(engine) == {}
    assert len(findings(engine)) == len(PROOFS)


_NO_CHECKS = """
    DO $$ DECLARE c record; BEGIN
        FOR c IN SELECT conrelid::regclass AS owner, conname FROM pg_constraint
            WHERE contype = 'c' AND connamespace = current_schema()::regnamespace LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.owner, c.conname);
        END LOOP;
    END $$
"""
# What breaks exactly the proof of that name, and what the proof then names. No CHECK stands in the way.
BREAKS = {
    "stock_not_negative": (
        "3",
        "UPDATE skus SET stock = -1 WHERE id = '3'",
        "INSERT INTO stock_adjustments (sku_id, delta, reason) VALUES ('3', -2, 'test')",
    ),
    "stock_equals_adjustments_minus_held": ("1", "UPDATE skus SET stock = stock + 1 WHERE id = '1'"),
    "sales_of_sku": ("2", "UPDATE skus SET sales = sales - 1 WHERE id = '2'"),
    "sales_of_spu": ("2", "UPDATE spus SET sales = sales + 1 WHERE id = '2'"),
    "no_stock_back_while_open": (
        f"{CLOSING}",
        f"UPDATE orders SET stock = 'returned' WHERE id = {CLOSING}",
        "UPDATE skus SET stock = stock + 2, sales = sales - 2 WHERE id = '1'",
        "UPDATE skus SET stock = stock + 1, sales = sales - 1 WHERE id = '2'",
        "UPDATE spus SET sales = sales - CASE id WHEN '1' THEN 2 ELSE 1 END",
        "UPDATE users SET open_orders = open_orders - 1",
    ),
    "no_stock_kept_by_closed_orders": (
        f"{CANCELLED}",
        f"UPDATE orders SET stock = 'held' WHERE id = {CANCELLED}",
        "UPDATE skus SET stock = stock - 2, sales = sales + 2 WHERE id = '1'",
        "UPDATE skus SET stock = stock - 1, sales = sales + 1 WHERE id = '2'",
        "UPDATE spus SET sales = sales + CASE id WHEN '1' THEN 2 ELSE 1 END",
        "UPDATE users SET open_orders = open_orders + 1",
    ),
    "closed_attempts_have_evidence": (
        f"{EXPIRED}-1",
        f"UPDATE payments SET evidence = 'expired_unborn' WHERE order_id = {EXPIRED}",
    ),
    "keys_unique_per_user": (
        "",
        f"DELETE FROM order_keys WHERE order_id = {AWAITING}",
        f"""INSERT INTO order_keys SELECT digest, fingerprint, {AWAITING}, day - 1 FROM order_keys
            WHERE order_id = {ACCEPTED}""",
    ),
    "orders_match_keys": (f"{AWAITING}", f"DELETE FROM order_keys WHERE order_id = {AWAITING}"),
    "accepted_orders_have_arrivals": (f"{AWAITING}", f"INSERT INTO arrivals (order_id) VALUES ({AWAITING})"),
    "none_accepted_too_long": (
        f"{ACCEPTED}",
        "UPDATE arrivals SET error = NULL, rings = 1",
        f"UPDATE orders SET accepted_at = now() - interval '61 seconds' WHERE id = {ACCEPTED}",
    ),
    "placed_orders_have_lines": (
        f"{EXPIRED}",
        f"UPDATE orders SET quantities = '{{2,2}}' WHERE id = {EXPIRED}",
    ),
    "totals_equal_lines": (
        f"{AWAITING}",
        f"UPDATE order_lines SET unit_price_fen = unit_price_fen + 1 WHERE order_id = {AWAITING}",
    ),
    "open_orders_of_users": ("1", "UPDATE users SET open_orders = open_orders + 1"),
    "attempts_ask_the_total": (
        f"{AWAITING}",
        f"UPDATE payments SET amount_fen = amount_fen - 1 WHERE order_id = {AWAITING}",
    ),
    "refunds_within_paid": (
        f"{PARTLY}-1",
        f"UPDATE payments SET refunding_fen = refunding_fen + 1 WHERE order_id = {PARTLY}",
    ),
    "one_kept_payment": (
        f"{TWICE}",
        "DROP INDEX payments_kept",
        f"UPDATE payments SET kept = true, amount_fen = paid_fen WHERE order_id = {TWICE}",
    ),
    "paid_orders_have_kept_payment": (
        f"{COMPLETED}",
        f"UPDATE payments SET kept = false, refunding_fen = paid_fen WHERE order_id = {COMPLETED}",
        f"""INSERT INTO refunds (order_id, n, source, amount_fen, out_request_no, requested_at)
            SELECT order_id, n, 'late', paid_fen, 'x', '2000-01-01' FROM payments WHERE order_id = {COMPLETED}""",
    ),
    "unkept_money_goes_back": (
        f"{TWICE}-2",
        f"DELETE FROM refunds WHERE order_id = {TWICE}",
        f"UPDATE payments SET refunding_fen = 0 WHERE order_id = {TWICE}",
        "DELETE FROM events WHERE topic LIKE 'refund.%' AND data->>'source' = 'double'",
    ),
    "refunded_orders_are_closed": (
        f"{REFUNDED}",
        f"UPDATE orders SET reason = 'cancelled' WHERE id = {REFUNDED}",
    ),
    "order_events": (f"{REINSTATED}", "DELETE FROM events WHERE topic = 'order.reinstated'"),
    "payment_events": (
        f"{TWICE}-2",
        f"DELETE FROM events WHERE topic = 'payment.created' AND data->>'payment_id' = '{TWICE}-2'",
    ),
    "refund_events": ("", "DELETE FROM events WHERE topic = 'refund.requested' AND data->>'source' = 'operator'"),
    "stock_events": ("1", "UPDATE skus SET sequence = sequence + 1 WHERE id = '1'"),
    "event_sequence": (
        f"{REJECTED}",
        f"""INSERT INTO events (at, topic, subject, sequence, data)
            SELECT at + interval '1 day', 'other', subject, sequence, data FROM events
            WHERE subject = '{REJECTED}' AND topic = 'order.rejected'""",
    ),
    "events_within_version": (f"{AWAITING}", f"UPDATE orders SET version = 1 WHERE id = {AWAITING}"),
}


@pytest.mark.parametrize("name", [proof.name for proof in PROOFS])
def test_a_broken_invariant_is_found_and_no_other(engine: Engine, name: str) -> None:
    offender, *damage = BREAKS[name]
    with transaction(engine) as connection:
        for statement in (_NO_CHECKS, *damage):
            connection.exec_driver_sql(statement.replace("%", "%%"))
    found = breaches(engine)
    assert list(found) == [name]
    assert found[name].startswith(f"1 not so: {offender}")


def test_lines_of_an_order_that_was_not_placed_are_found(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE order_lines SET order_id = :to WHERE order_id = :id"), {"id": 2, "to": REJECTED})
    assert list(breaches(engine)) == [
        "stock_equals_adjustments_minus_held",
        "sales_of_sku",
        "sales_of_spu",
        "placed_orders_have_lines",
        "totals_equal_lines",
    ]


def test_no_more_than_five_offenders_are_named(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(sql("DELETE FROM order_keys"))
    assert breaches(engine)["orders_match_keys"].startswith("12 not so: 1, 2, 3, 4, 5, … (")


def test_since_leaves_older_orders_out(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE order_lines SET unit_price_fen = 1 WHERE order_id = :id"), {"id": AWAITING})
    now = datetime.now(UTC)
    assert list(breaches(engine, now - timedelta(hours=1))) == ["totals_equal_lines"]
    assert breaches(engine, now + timedelta(hours=1)) == {}


def test_an_order_that_was_just_tried_again_has_not_waited_too_long(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE orders SET accepted_at = now() - interval '5 minutes' WHERE id = 1"))
        connection.execute(sql("UPDATE arrivals SET error = NULL, rings = 0, rung_at = now()"))
    assert breaches(engine) == {}
