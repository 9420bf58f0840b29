"""Where a command finds the shop, how an empty database becomes one, and how what is missing is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest

from checkout import db
from checkout.db import Engine, transaction
from checkout.schema import migrations
from ops.prepare import prepare
from tests.conftest import SECRET
from tests.shared.command import Command, answer, good, in_a_process, refused
from tests.shared.databases import Server, create, drop
from tests.shared.factories import a_sku, rows, stock_of
from tests.shared.ports import DISCARD


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    """A database without any table."""
    yield create(server, "empty")
    drop(server, "empty")


def stack_in(data_dir: Path, environment: dict[str, str]) -> Path:
    """A directory as `checkout up` leaves it."""
    (data_dir / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    return data_dir


def test_the_data_directory_tells_where_the_stack_is(
    environment: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    a_sku(engine)
    data_dir = stack_in(tmp_path, environment)
    for command in (("stock", "add", "1", "-2"), ("orders", "list"), ("audit",), ("token", "--user", "7")):
        done = in_a_process(*command, "--data-dir", data_dir, environment={})
        assert (done.returncode, done.stderr) == (0, "")
    assert stock_of(engine) == 3


def test_the_environment_wins_over_the_data_directory(environment: dict[str, str], tmp_path: Path) -> None:
    data_dir = stack_in(tmp_path, environment | {"CHECKOUT_DATABASE_URL": "postgresql+psycopg2://nobody@127.0.0.1:9/x"})
    own = {"CHECKOUT_DATABASE_URL": environment["CHECKOUT_DATABASE_URL"]}
    assert in_a_process("orders", "list", "--data-dir", data_dir, environment=own).returncode == 0


def test_missing_settings_are_named_one_a_line_with_their_cure(tmp_path: Path) -> None:
    done = in_a_process("orders", "list", "--data-dir", tmp_path, environment={"CHECKOUT_PAY_WINDOW": "soon"})
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert "CHECKOUT_PAY_WINDOW is wrong: set a duration like 30m" in lines
    assert any(line.startswith("CHECKOUT_DATABASE_URL is missing: set ") for line in lines)
    assert lines[-1] == "(or name the --data-dir in which `checkout up` runs)"


def test_a_damaged_data_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text("{", encoding="utf-8")
    done = in_a_process("token", "--user", "1", "--data-dir", tmp_path, environment={})
    assert (done.returncode, "environment.json cannot be read" in done.stderr) == (1, True)


def test_a_database_that_is_away_is_told_in_one_line(environment: dict[str, str]) -> None:
    away = environment | {"CHECKOUT_DATABASE_URL": f"postgresql+psycopg2://checkout:hush@127.0.0.1:{DISCARD}/x"}
    for command in ("audit", "stuck", "migrate", "orders list"):
        done = in_a_process(*command.split(), environment=away)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: the database does not answer: ")
        assert done.stderr.count("\n") == 1
        assert "hush" not in done.stderr


def test_a_token_names_its_user_for_a_while(checkout: Command) -> None:
    told = jwt.decode(good(checkout("token", "--user", 7, "--ttl", "30m")).strip(), SECRET, algorithms=["HS256"])
    assert (told["sub"], told["exp"] - told["iat"], "scope" in told) == ("7", 1800, False)
    told = jwt.decode(good(checkout("token", "--user", 7, "--operator")).strip(), SECRET, algorithms=["HS256"])
    assert (told["scope"], told["exp"] - told["iat"]) == ("operator", 12 * 3600)


def test_a_wrong_user_or_duration_is_a_misuse(checkout: Command) -> None:
    assert "--user" in refused(checkout("token"), status=2)
    assert "not in the range" in refused(checkout("token", "--user", -1), status=2)
    assert "is not a duration" in refused(checkout("token", "--user", 1, "--ttl", "soon"), status=2)
    assert "is not a time" in refused(checkout("audit", "--since", "yesterday"), status=2)


def test_an_empty_database_is_migrated_once(checkout: Command, empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKOUT_DATABASE_URL", empty_url)
    assert "run `checkout migrate`" in refused(checkout("audit"))
    assert good(checkout("migrate")) == "the schema is new\n"
    assert good(checkout("migrate")) == "the schema is there\n"
    assert answer(checkout("audit", "--json"))["ok"] is True


def test_somebody_elses_database_is_left_alone(
    checkout: Command, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECKOUT_DATABASE_URL", empty_url)
    engine = db.connect(empty_url)
    with transaction(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id int)")
    engine.dispose()
    assert "has tables already (theirs" in refused(checkout("migrate"))


def test_preparing_fills_an_empty_catalogue_with_the_sample(empty_url: str) -> None:
    engine = db.connect(empty_url)
    migrations.migrate(engine, lambda _: None)
    for _ in range(2):
        with transaction(engine) as connection:
            prepare(connection)
        skus = rows(engine, "skus")
        assert sorted(int(sku.id) for sku in skus) == list(range(1, 13))
        assert len(rows(engine, "stock_adjustments")) == 12
    engine.dispose()


def test_preparing_leaves_a_shops_own_catalogue_alone(engine: Engine) -> None:
    a_sku(engine, "own")
    with transaction(engine) as connection:
        prepare(connection)
    assert [sku.id for sku in rows(engine, "skus")] == ["own"]


def test_preparing_makes_the_partitions_of_days_to_come(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.exec_driver_sql("SELECT drop_partitions('events', current_date + 30)")
        prepare(connection)
        left = connection.exec_driver_sql("SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass")
        assert left.scalar_one() >= 8
