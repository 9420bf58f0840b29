"""What happens while PostgreSQL or Redis is away: no promise is made that is not kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api import limits
from checkout import db
from checkout.db import Engine, sql, transaction
from checkout.schema import migrations
from checkout.settings import parse
from sandbox import postgres
from sandbox.postgres import Postgres
from tests.shared.client import Client, an_order_body, problem, serving
from tests.shared.factories import rows
from tests.shared.processes import eventually

COMMIT_FAILS = """
    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER die AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION die();
"""


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    with postgres.temporary_server() as server:
        engine = db.connect(postgres.create_database(server.url(), "checkout"))
        with transaction(engine) as connection:
            migrations.create(connection)
        engine.dispose()
        yield server


@contextmanager
def stopped(server: Postgres) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@pytest.mark.usefixtures("in_process")
def test_while_postgresql_is_away_nothing_is_promised(environment: dict[str, str], own_server: Postgres) -> None:
    url = own_server.url("checkout")
    with serving(parse(environment | {"CHECKOUT_DATABASE_URL": url})) as client:
        client.order("before")
        with stopped(own_server):
            for _ in range(3):
                result = client.order("k")
                assert problem(result) == (503, "unavailable")
                assert int(result.headers["retry-after"]) >= 1
            assert problem(client.get("/v1/orders/1")) == (503, "unavailable")
            assert problem(client.get("/health/ready", user=None)) == (503, "unavailable")
            assert client.get("/health/live", user=None).status_code == 200
            notify = client.post("/v1/alipay/notify", body=b"a=1&sign=x", user=None)
            assert notify.content == b"failure"
        eventually(lambda: client.order("k").status_code == 202, "the same key is accepted")
        assert client.order("k").headers["idempotent-replayed"] == "true"
        engine = db.connect(url)
        assert len(rows(engine, "orders")) == 2
        engine.dispose()


def test_a_commit_whose_outcome_is_unknown_leaves_the_key_usable(client: Client, engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(sql(COMMIT_FAILS))
    result = client.order("k")
    assert problem(result) == (503, "unavailable")
    assert "retry-after" in result.headers
    with transaction(engine) as connection:
        connection.execute(sql("DROP TRIGGER die ON orders"))
    accepted = client.order("k")
    assert accepted.status_code == 202
    assert client.order("k").json["id"] == accepted.json["id"]
    assert len(rows(engine, "orders")) == 1


@pytest.mark.usefixtures("in_process")
def test_while_redis_is_away_only_the_cart_is(environment: dict[str, str], engine: Engine) -> None:
    nowhere = environment | {"CHECKOUT_REDIS_URL": "redis://127.0.0.1:9/0", "CHECKOUT_RATE_PER_USER": "1"}
    with serving(parse(nowhere)) as client:
        assert client.order("k").status_code == 202
        assert client.order("another-although-the-rate-is-1").status_code == 202
        result = client.order("from-cart", an_order_body(items=None, from_cart=True))
        assert problem(result) == (503, "unavailable")
        assert "retry-after" in result.headers
        assert problem(client.get("/v1/cart")) == (503, "unavailable")
        assert client.get("/v1/orders").status_code == 200
    assert len(rows(engine, "orders")) == 2


@pytest.mark.usefixtures("in_process")
def test_the_rate_at_the_door_is_kept_per_user(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MINUTE_SECONDS", 10**9)  # It does not end during the test.
    with serving(parse(environment | {"CHECKOUT_RATE_PER_USER": "2"})) as client:
        assert [client.order(f"k{n}").status_code for n in range(4)] == [202, 202, 429, 429]
        result = client.order("k9")
        assert problem(result) == (429, "too_many_orders")
        assert "retry-after" in result.headers
        assert client.order("k", user=2).status_code == 202
