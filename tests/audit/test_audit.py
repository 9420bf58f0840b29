"""The audit holds for a shop in which everything has happened, and each of its proofs fails when it should."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from checkout import db
from checkout.audit import invariants
from checkout.audit.invariants import PROOFS, Finding
from checkout.db import Engine, reading, sql, transaction
from tests.audit import scenario
from tests.audit.changes import Corruption
from tests.audit.corruptions import CORRUPTIONS
from tests.audit.scenario import AWAITING, REJECTED
from tests.shared.databases import Server, create, drop, on_each_version

pytestmark = on_each_version

_numbers = count(1)


@pytest.fixture(scope="module")
def filled(server: Server, template: str) -> str:
    """The database that every test's own is a copy of."""
    name = "template_audited"
    engine = db.connect(create(server, name, template=template))
    scenario.fill(engine)
    engine.dispose()
    return name


@pytest.fixture
def engine(server: Server, filled: str) -> Iterator[Engine]:
    name = f"audited_{next(_numbers)}"
    made = db.connect(create(server, name, template=filled), by_index=False)
    yield made
    made.dispose()
    drop(server, name)


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


class Undone(Exception):
    """What was done to the tables is taken back."""


@pytest.fixture(scope="module")
def unguarded(server: Server, filled: str) -> Iterator[Engine]:
    """The shop in which everything has happened, without its CHECKs; nobody commits there."""
    made = db.connect(create(server, "unguarded", template=filled), by_index=False)
    with transaction(made) as connection:
        connection.exec_driver_sql(_NO_CHECKS.replace("%", "%%"))
    yield made
    made.dispose()


def found_after(engine: Engine, *statements: str) -> dict[str, str]:
    """What the audit finds after that damage, which is undone."""
    found: dict[str, str] = {}
    with suppress(Undone), transaction(engine) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))
        found |= {one.name: one.detail for one in invariants.run(connection) if not one.ok}
        raise Undone
    return found


@pytest.mark.parametrize("row", CORRUPTIONS, ids=lambda row: row.done.replace(" ", "_"))
def test_a_corruption_is_found_by_name(unguarded: Engine, row: Corruption) -> None:
    found = found_after(unguarded, *row.statements)
    assert row.proof in found, found
    assert f"not so: {row.names}" in found[row.proof]


def test_every_proof_finds_something() -> None:
    assert {row.proof for row in CORRUPTIONS} == {proof.name for proof in PROOFS}


def test_damage_that_was_undone_is_not_found(unguarded: Engine) -> None:
    """Else a row could be found because of the one before it."""
    assert found_after(unguarded) == {}


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
    assert breaches(engine)["orders_match_keys"].startswith("18 not so: 1, 2, 3, 4, 5, … (")


def test_since_leaves_older_orders_out(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE order_lines SET unit_price_fen = 1 WHERE order_id = :id"), {"id": AWAITING})
    now = datetime.now(UTC)
    assert list(breaches(engine, now - timedelta(hours=1))) == ["totals_equal_lines"]
    assert breaches(engine, now + timedelta(hours=1)) == {}


def test_an_order_that_was_just_tried_again_has_not_waited_too_long(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE orders SET accepted_at = now() - interval '5 minutes' WHERE id = 1"))
        connection.execute(sql("UPDATE arrivals SET parked = false, since = now()"))
    assert breaches(engine) == {}
