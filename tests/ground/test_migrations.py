"""An older database is brought to this code's schema, as `schema.sql` gives it to an empty one, while others use it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy.exc import DBAPIError

from checkout import db, schema, settings, startup
from checkout.db import Engine, sql, transaction
from checkout.errors import SettingsError, Unavailable
from checkout.schema import migrations
from checkout.schema.migrations import MIGRATIONS, Migration, Step
from ops.checkup import stores
from tests.shared.client import serving
from tests.shared.databases import Server, create, drop, on_each_version
from tests.shared.processes import eventually

# What two databases have in common when their schemas are the same, in whatever order columns were made.
_CATALOGUE = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
            a.attstorage, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0
            AND NOT a.attisdropped
    """,
    "tables": "SELECT relname, relkind, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    """,
    "indexes": """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid FROM pg_index
        JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'public'::regnamespace
    """,
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "triggers": "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "words": """
        SELECT t.typname, e.enumlabel, row_number() OVER (PARTITION BY t.oid ORDER BY e.enumsortorder)
        FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
    """,
    "version": "SELECT version, oldest_code, steps_done FROM schema_version",
}


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    """A database without any table."""
    yield create(server, "migrated")
    drop(server, "migrated")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    """The same, for one who migrates it."""
    engine = db.connect(empty_url, statement_seconds=600)
    yield engine
    engine.dispose()


def begun(engine: Engine) -> None:
    """The database becomes as the first code made it, with an order in it."""
    with transaction(engine) as connection:
        connection.exec_driver_sql(
            (MIGRATIONS / "0001_the_beginning.sql").read_text(encoding="utf-8").replace("%", "%%")
        )
        connection.execute(
            sql("""
                INSERT INTO orders (user_id, pay_method, sku_ids, quantities, recipient, phone, region, detail)
                VALUES (1, 'cash', '{a}', '{1}', 'r', 'p', 'r', 'd')
            """)
        )


def catalogue(engine: Engine) -> dict[str, list[str]]:
    with transaction(engine) as connection:
        return {name: sorted(map(str, connection.exec_driver_sql(text))) for name, text in _CATALOGUE.items()}


def version(engine: Engine) -> tuple[int, int]:
    with transaction(engine) as connection:
        found = schema.state(connection)
    assert found is not None
    return found.version, found.steps_done


@on_each_version
def test_both_ways_end_in_the_same_catalogue(empty: Engine, engine: Engine) -> None:
    begun(empty)
    assert version(empty) == (1, 0)
    told: list[str] = []
    assert migrations.migrate(empty, told.append)
    found, expected = catalogue(empty), catalogue(engine)
    for name in _CATALOGUE:
        assert found[name] == expected[name], name
    assert version(empty) == (db.SCHEMA_VERSION, 0)
    assert len(told) == sum(len(migration.steps) for migration in migrations.files())
    with transaction(empty) as connection:
        assert connection.execute(sql("SELECT count(*) FROM orders WHERE reference = ''")).scalar_one() == 1
        assert schema.misfit(connection) == ""


def test_the_last_file_is_the_one_that_this_code_knows() -> None:
    numbers = [migration.number for migration in migrations.files()]
    assert numbers == list(range(2, db.SCHEMA_VERSION + 1))
    assert schema.OLDEST_SCHEMA <= db.SCHEMA_VERSION
    assert all(migration.steps for migration in migrations.files())


def test_an_empty_database_gets_the_whole_schema_at_once(empty: Engine) -> None:
    told: list[str] = []
    assert migrations.migrate(empty, told.append)
    assert told == ["the schema is new"]
    assert not migrations.migrate(empty, told.append)


def test_somebody_elses_tables_are_left_alone(empty: Engine) -> None:
    with transaction(empty) as connection:
        connection.execute(sql("CREATE TABLE theirs (n int)"))
    with pytest.raises(migrations.NotEmpty, match="theirs"):
        migrations.migrate(empty, print)


@pytest.fixture
def with_files(empty: Engine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A database that knows its version, and migrations of the test's own."""
    migrations.migrate(empty, lambda _: None)

    def put(*steps: tuple[str, str]) -> None:
        made = Migration(db.SCHEMA_VERSION + 1, "own", 1, [Step(*step) for step in steps])
        monkeypatch.setattr(migrations, "files", lambda: [made])

    return put


def test_what_was_interrupted_goes_on(empty: Engine, with_files: Callable[..., None]) -> None:
    with_files(("", "CREATE TABLE a (n int)"), ("", "SELECT 1 / 0"), ("", "CREATE TABLE b (n int)"))
    with pytest.raises(DBAPIError, match="division by zero"):
        migrations.migrate(empty, lambda _: None)
    assert version(empty) == (db.SCHEMA_VERSION, 1)
    with_files(("", "CREATE TABLE a (n int)"), ("", "SELECT 1"), ("", "CREATE TABLE b (n int)"))
    told: list[str] = []
    assert migrations.migrate(empty, told.append)
    assert [line.partition(": ")[2] for line in told] == ["step 2 of 3", "step 3 of 3"]
    assert version(empty) == (db.SCHEMA_VERSION + 1, 0)


def test_a_backfill_goes_in_batches(empty: Engine, with_files: Callable[..., None]) -> None:
    with transaction(empty) as connection:
        connection.execute(sql("CREATE TABLE filled AS SELECT n, false AS done FROM generate_series(1, 25) AS n"))
    step = "UPDATE filled SET done = true WHERE n IN (SELECT n FROM filled WHERE NOT done LIMIT 10)"
    with_files(("batches", step))
    told: list[str] = []
    migrations.migrate(empty, told.append)
    assert told[1:] == ["10 rows", "20 rows", "25 rows"]


def test_an_index_is_made_while_others_write(empty: Engine, with_files: Callable[..., None]) -> None:
    """CREATE INDEX CONCURRENTLY would wait for ever for an open transaction of ours."""
    with_files(("alone", "DROP INDEX CONCURRENTLY IF EXISTS o; CREATE INDEX CONCURRENTLY o ON orders (phone)"))
    migrations.migrate(empty, lambda _: None)
    assert any("INDEX o ON" in line and "True" in line for line in catalogue(empty)["indexes"])


def test_a_busy_table_is_waited_for_shortly_and_again(
    empty: Engine, with_files: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes behind a waiting ALTER TABLE waits too, so it gives up soon and comes again."""
    monkeypatch.setattr(migrations, "LOCK_MILLISECONDS", 50)
    monkeypatch.setattr(migrations, "_HURRY", "SET LOCAL lock_timeout = 50")
    monkeypatch.setattr(migrations, "PAUSE_SECONDS", 0.01)
    with_files(("", "ALTER TABLE orders ADD COLUMN own text"))
    tries: list[Step] = []
    run = migrations._run

    def counted(engine: Engine, step: Step, number: int, tell: migrations.Tell) -> None:
        tries.append(step)
        run(engine, step, number, tell)

    monkeypatch.setattr(migrations, "_run", counted)
    with transaction(empty) as busy:
        busy.execute(sql("LOCK TABLE orders IN ACCESS SHARE MODE"))
        done = threading.Thread(target=migrations.migrate, args=(empty, lambda _: None))
        done.start()
        eventually(lambda: len(tries) > 2, "it tries again")
    done.join()
    assert version(empty) == (db.SCHEMA_VERSION + 1, 0)


def test_a_table_that_is_never_free_is_told(
    empty: Engine, with_files: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "_HURRY", "SET LOCAL lock_timeout = 10")
    monkeypatch.setattr(migrations, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(migrations, "MOST_TRIES", 3)
    with_files(("", "ALTER TABLE orders ADD COLUMN own text"))
    with transaction(empty) as busy:
        busy.execute(sql("LOCK TABLE orders IN ACCESS SHARE MODE"))
        with pytest.raises(Unavailable, match="never free"):
            migrations.migrate(empty, lambda _: None)
    assert version(empty) == (db.SCHEMA_VERSION, 0)


def test_two_at_once_take_turns(
    empty: Engine, with_files: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "TURN_SECONDS", 0.0)
    with_files(("", "SELECT 1"))
    with migrations._alone(empty), pytest.raises(Unavailable, match="another checkout migrate"):
        migrations.migrate(empty, lambda _: None)
    assert migrations.migrate(empty, lambda _: None)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("version = 1, oldest_code = 1", "its schema is number 1, and this code needs 9: run checkout migrate"),
        ("version = 99, oldest_code = 98", "for code that knows 98 or more, and this code knows 9: install the newer"),
        ("version = 99, oldest_code = 7", ""),
    ],
)
def test_code_starts_only_with_a_schema_that_it_can_work_with(
    empty: Engine, empty_url: str, environment: dict[str, str], change: str, why: str
) -> None:
    migrations.migrate(empty, lambda _: None)
    with transaction(empty) as connection:
        connection.execute(sql(f"UPDATE schema_version SET {change}"))
    told = settings.parse(environment | {"CHECKOUT_DATABASE_URL": empty_url})
    (checked,) = [found for found in stores.database(told) if found.name == "schema"]
    with serving(told) as client:
        ready = client.get("/health/ready", user=None)
    if not why:
        startup.refuse_what_cannot_serve(told)
        assert (checked.state != "fail", ready.status_code) == (True, 200)
        return
    with pytest.raises(SettingsError, match=re.escape(why)):
        startup.refuse_what_cannot_serve(told)
    assert (checked.state, why in checked.detail) == ("fail", True)
    assert (ready.status_code, why in ready.json["detail"]) == (503, True)


def test_every_file_says_what_it_is_for_and_who_may_still_run() -> None:
    for file in sorted(MIGRATIONS.glob("*.sql"))[1:]:
        first, second, *_ = file.read_text(encoding="utf-8").splitlines()
        assert first.startswith("-- "), file
        assert re.fullmatch("-- oldest code: [0-9]+", second), file
