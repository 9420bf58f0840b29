"""PgBouncer between us and PostgreSQL: it serves, also when it lends connections by transaction, and we know it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from checkout import db, settings, startup
from checkout.db import Engine, sql, transaction
from checkout.errors import SettingsError, UpgradeUnfinished
from checkout.schema import migrations
from sandbox.pgbouncer import PGBOUNCER, pooler
from tests.shared.factories import a_sku, order, placed

pytestmark = pytest.mark.skipif(not PGBOUNCER, reason="PgBouncer is not installed here")


def through(port: int, database_url: str, more: str = "") -> str:
    return f"postgresql+psycopg2://checkout@127.0.0.1:{port}{urlsplit(database_url).path}{more}"


def sells(engine: Engine) -> bool:
    a_sku(engine)
    return bool(order(engine, placed(engine)).status == "awaiting_payment")


def limits(engine: Engine) -> list[str]:
    with transaction(engine) as connection:
        return [
            str(connection.execute(sql(f"SHOW {name}")).scalar())
            for name in ("statement_timeout", "enable_seqscan", "timezone", "transaction_isolation")
        ]


def test_by_session_orders_are_placed(environment: dict[str, str], database_url: str, tmp_path: Path) -> None:
    with pooler(database_url, "session", tmp_path) as port:
        url = through(port, database_url)
        assert startup.faults(settings.parse(environment | {"CHECKOUT_DATABASE_URL": url})) == []
        engine = db.connect(url, size=2)
        assert limits(engine) == ["10s", "off", "UTC", "read committed"]
        assert sells(engine)
        engine.dispose()


def test_by_transaction_orders_are_placed_and_nothing_is_left_in_a_session(
    environment: dict[str, str], database_url: str, tmp_path: Path
) -> None:
    with pooler(database_url, "transaction", tmp_path) as port:
        url = through(port, database_url, "?pooling=transaction")
        assert startup.faults(settings.parse(environment | {"CHECKOUT_DATABASE_URL": url})) == []
        engine = db.connect(url, size=2)
        assert limits(engine) == ["10s", "off", "UTC", "read committed"]
        assert sells(engine)
        with engine.connect() as connection:
            assert connection.execute(sql("SELECT current_setting('enable_seqscan')")).scalar() == "off"
        engine.dispose()
        free = db.connect(url, size=1, by_index=False)
        with transaction(free) as connection:  # It is lent the very session that we had.
            assert connection.execute(sql("SHOW enable_seqscan")).scalar() == "on"
            assert connection.execute(sql("SELECT count(*) FROM pg_prepared_statements")).scalar() == 0
        free.dispose()


@pytest.mark.parametrize(
    ("mode", "more"), [("transaction", ""), ("statement", ""), ("statement", "?pooling=transaction")]
)
def test_a_pooler_that_is_not_what_the_address_says_is_refused_with_the_cure(
    environment: dict[str, str], database_url: str, tmp_path: Path, mode: str, more: str
) -> None:
    with pooler(database_url, mode, tmp_path) as port:
        url = through(port, database_url, more)
        [fault] = startup.faults(settings.parse(environment | {"CHECKOUT_DATABASE_URL": url}))
    assert not fault.may_pass
    assert "?pooling=transaction" in fault.says
    assert "pool_mode = session" in fault.says


def test_a_migration_wants_postgresql_itself(database_url: str, engine: Engine, tmp_path: Path) -> None:
    with pooler(database_url, "transaction", tmp_path) as port:
        lent = db.connect(through(port, database_url, "?pooling=transaction"))
        assert not migrations.migrate(lent, print)  # There is nothing to do.
        assert not migrations.finish(lent, print)
        with transaction(engine) as connection:
            connection.execute(sql("UPDATE schema_version SET version = version - 1, finished = 0"))
        for step in (migrations.migrate, migrations.finish):
            with pytest.raises((SettingsError, UpgradeUnfinished), match="PostgreSQL itself"):
                step(lent, print)
        lent.dispose()
        with transaction(engine) as connection:
            connection.execute(sql("UPDATE schema_version SET version = version + 1, finished = version + 1"))


@pytest.mark.parametrize("text", ["?pooling=session", "?pooling=statement"])
def test_an_address_says_session_or_transaction(text: str) -> None:
    url = f"postgresql+psycopg2://checkout@127.0.0.1/x{text}"
    if text == "?pooling=session":
        db.connect(url).dispose()
    else:
        with pytest.raises(SettingsError, match="session or transaction"):
            db.connect(url)
