"""The audit at the command line: a proof a line, a breach by its status, and what it found for those who watch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import metrics
from checkout.audit import heartbeats
from checkout.db import Engine, sql, transaction
from checkout.resources import Resources
from checkout.settings import Settings
from ops.checkup import stores
from tests.shared.command import Command, good, refused
from tests.shared.factories import a_sku


def test_an_audit_tells_each_proof_in_a_line_and_a_breach_by_its_status(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    assert all(line.startswith("ok ") for line in good(checkout("audit")).splitlines())
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE skus SET sales = 1")
    broken = checkout("audit", "--json")
    told = json.loads(broken.stdout)
    assert (broken.exit_code, told["ok"]) == (1, False)
    assert [check["name"] for check in told["checks"] if not check["ok"]] == ["sales_of_sku"]
    assert set(told["checks"][0]) == {"name", "ok", "detail"}
    assert "breach  sales_of_sku" in checkout("audit").stdout


def test_what_a_whole_audit_found_is_kept_for_those_who_watch(
    checkout: Command, engine: Engine, resources: Resources
) -> None:
    def told() -> dict[str, float]:
        """By the API's port for Prometheus."""
        families = text_string_to_metric_families(metrics.exposition(resources).decode())
        samples = [sample for family in families for sample in family.samples]
        return {one.name: one.value for one in samples if one.name.startswith("checkout_audit")}

    good(checkout("audit", "--since", "2026-01-01"))
    assert told() == {}
    a_sku(engine)
    good(checkout("audit"))
    clean = told()
    assert clean["checkout_audit_ok"] == 1
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE skus SET sales = 1")
    assert checkout("audit").exit_code == 1
    broken = told()
    assert broken["checkout_audit_ok"] == 0
    assert broken["checkout_audit_finished_seconds"] > clean["checkout_audit_finished_seconds"]
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE skus SET sales = 0")
        assert [one.last_fault for one in heartbeats.all_of(connection) if one.loop == "audit"] == ["sales_of_sku"]
    good(checkout("audit"))
    assert told()["checkout_audit_ok"] == 1
    assert "audit" not in "".join(
        line for line in metrics.exposition(resources).decode().splitlines() if "loop_faults" in line
    )


_BACK = """
    UPDATE heartbeats SET at = at - make_interval(hours => :hours),
        last_fault_at = last_fault_at - make_interval(hours => :hours)
"""


@pytest.fixture
def standby(engine: Engine) -> Iterator[Engine]:
    """Who connects from now on may only read; this engine may go on."""
    with transaction(engine) as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    yield engine
    with transaction(engine) as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')


def test_doctor_tells_of_a_breach_until_an_audit_is_clean(
    checkout: Command, engine: Engine, settings: Settings
) -> None:
    def said() -> tuple[str, str]:
        (line,) = [one for one in stores.database(settings) if one.name == "audit"]
        return line.state, line.detail

    def audit(*, sales: int) -> None:
        with transaction(engine) as connection:
            connection.execute(sql("UPDATE skus SET sales = :sales"), {"sales": sales})
        assert checkout("audit").exit_code == min(sales, 1)

    def passes(hours: int) -> None:
        with transaction(engine) as connection:
            connection.execute(sql(_BACK), {"hours": hours})

    a_sku(engine)
    assert said()[0] == "ok"
    assert "nobody has proven the books yet" in said()[1]
    audit(sales=1)
    passes(30)
    assert (said()[0], "sales_of_sku" in said()[1]) == ("fail", True)
    audit(sales=0)
    assert said() == ("ok", "the books were proven 0 h ago")
    passes(37)
    assert (said()[0], said()[1].partition(":")[0]) == ("warn", "the books were proven 37 h ago")
    loops = [one.detail for one in stores.database(settings) if one.name == "loops"]
    assert "audit" not in loops[0]


def test_an_audit_where_nothing_can_be_written_finds_all_the_same(checkout: Command, standby: Engine) -> None:
    a_sku(standby)
    with transaction(standby) as connection:
        connection.exec_driver_sql("UPDATE skus SET sales = 1")
    ended = checkout("audit")
    assert ended.exit_code == 1
    assert "breach  sales_of_sku" in ended.stdout
    assert "the result is not kept" in ended.stderr


def test_an_audit_is_told_to_prometheus_by_a_file(checkout: Command, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "audit.prom"
    good(checkout("audit", "--prometheus", str(file)))
    assert "\ncheckout_audit_ok 1.0\n" in file.read_text(encoding="utf-8")
    a_sku(engine)
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE skus SET sales = 1")
    assert checkout("audit", "--prometheus", str(file)).exit_code == 1
    told = file.read_text(encoding="utf-8")
    assert "\ncheckout_audit_ok 0.0\n" in told
    assert '\ncheckout_audit_broken{proof="sales_of_sku"} 1.0\n' in told
    assert "there is no folder" in refused(checkout("audit", "--prometheus", str(tmp_path / "no" / "a")), status=2)
