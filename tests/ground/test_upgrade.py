"""The end of an upgrade: what older code would get wrong waits until none of its processes is seen any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest

from checkout import db, schema
from checkout import settings as all_settings
from checkout.db import Engine, sql, transaction
from checkout.errors import UpgradeUnfinished
from checkout.payments import refunds
from checkout.schema import migrations
from checkout.stock import catalog
from checkout.stock.catalog import Item
from tests.shared.client import Client, an_order_body, problem, serving
from tests.shared.command import Command
from tests.shared.databases import Server, create, drop
from tests.shared.factories import a_sku, order, paid, placed, rows, shipped

# As the version before stored it for 5.00 yuan and this reason.
BEFORE = "13b8150e7a6a517a0ae5845a803ae48c"


@pytest.fixture
def unfinished(engine: Engine) -> Iterator[Engine]:
    """A database that has just been brought forward."""
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE schema_version SET finished = 0"))
    yield engine
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE schema_version SET finished = version"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "LOOKS", 2)
    monkeypatch.setattr(migrations, "LOOK_SECONDS", 0.01)


Step = Callable[[Client, int], Any]
REFUSED: dict[str, Step] = {
    "a refund by line": lambda client, order_id: client.post(
        f"/v1/orders/{order_id}/refunds",
        json={"items": [{"sku_id": "1", "quantity": 1}]},
        headers={"Idempotency-Key": "k"},
        is_operator=True,
    ),
    "a parcel": lambda client, order_id: client.post(
        f"/v1/orders/{order_id}/shipments", json={"carrier": "c", "tracking_number": "t"}, is_operator=True
    ),
}


@pytest.mark.parametrize("step", REFUSED)
def test_what_older_code_would_get_wrong_waits(client: Client, unfinished: Engine, step: str) -> None:
    a_sku(unfinished)
    order_id = paid(unfinished)
    before = order(unfinished, order_id)
    assert problem(REFUSED[step](client, order_id)) == (409, "upgrade_unfinished")
    assert order(unfinished, order_id) == before
    with transaction(unfinished) as connection:
        connection.execute(sql("UPDATE schema_version SET finished = version"))
    assert REFUSED[step](client, order_id).status_code < 300


def test_limits_wait(unfinished: Engine) -> None:
    with transaction(unfinished) as connection, pytest.raises(UpgradeUnfinished):
        catalog.load(connection, [Item("1", "1", "SKU", "1.00", limit_per_user=1)])
    assert rows(unfinished, "skus") == []


@pytest.mark.usefixtures("in_process")
def test_prices_of_the_shops_own_wait(environment: dict[str, str], unfinished: Engine) -> None:
    a_sku(unfinished)
    told = all_settings.parse(environment | {"CHECKOUT_PRICING": "examples.prices:spend_and_save"})
    with serving(told) as client:
        assert problem(client.order("k")) == (409, "upgrade_unfinished")
        assert problem(client.post("/v1/quotes", json={"items": an_order_body()["items"]})) == (
            409,
            "upgrade_unfinished",
        )
        assert rows(unfinished, "orders") == []
        with transaction(unfinished) as connection:
            connection.execute(sql("UPDATE schema_version SET finished = version"))
        assert client.order("k").status_code == 202


def test_what_older_code_knows_goes_on(client: Client, unfinished: Engine) -> None:
    a_sku(unfinished)
    assert client.order("k").status_code == 202
    order_id = paid(unfinished, user_id=2)
    assert client.post(f"/v1/orders/{order_id}/ship", is_operator=True).json["status"] == "shipped"
    headers = {"Idempotency-Key": "k"}
    path = f"/v1/orders/{order_id}/refunds"
    assert client.post(path, json={"amount": "1.00"}, headers=headers, is_operator=True).status_code == 202


@pytest.fixture
def shop_before(server: Server) -> Iterator[str]:
    """The address of a database of its own, unfinished."""
    url = create(server, "upgraded")
    engine = db.connect(url)
    migrations.migrate(engine, lambda _: None)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE schema_version SET finished = 0"))
    engine.dispose()
    yield url
    drop(server, "upgraded")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["checkout", "checkout/3"])
def test_it_is_not_finished_while_a_session_of_older_code_is_there(shop_before: str, name: str) -> None:
    engine = db.connect(shop_before, size=2)
    older = psycopg2.connect(shop_before.replace("+psycopg2", ""), application_name=name)
    with pytest.raises(UpgradeUnfinished, match=rf"{name} \(1\)"):
        migrations.finish(engine, lambda _: None)
    older.close()
    with psycopg2.connect(shop_before.replace("+psycopg2", ""), application_name="checkout-of-others"):
        assert migrations.finish(engine, lambda _: None)
    assert not migrations.finish(engine, lambda _: None)
    with transaction(engine) as connection:
        assert schema.is_finished(connection)
    engine.dispose()


@pytest.mark.usefixtures("quick")
def test_orders_that_older_code_has_shipped_complete_by_themselves_from_then_on(shop_before: str) -> None:
    engine = db.connect(shop_before, size=2)
    a_sku(engine, stock=9)
    order_id, other = placed(engine, pay_method="cash"), placed(engine, pay_method="cash")
    with transaction(engine) as connection:
        connection.execute(
            sql("UPDATE orders SET status = 'shipped', stock = 'left', shipped_at = now() WHERE id = :id"),
            {"id": order_id},
        )
        connection.execute(sql("UPDATE schema_version SET finished = version"))
    shipped(engine, other)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE schema_version SET finished = 0"))
    told: list[str] = []
    assert migrations.finish(engine, told.append)
    assert told == ["0004 lines_parcels_limits: finishing"]
    assert {row.order_id for row in rows(engine, "completions")} == {order_id, other}
    engine.dispose()


def test_the_command_ends_the_upgrade(checkout: Command, unfinished: Engine, quick: None) -> None:
    del quick
    assert checkout("migrate", "--finish").output.endswith("the upgrade is finished\n")
    assert checkout("migrate", "--finish").output == "it was finished before\n"
    with transaction(unfinished) as connection:
        connection.execute(sql("UPDATE schema_version SET version = version - 1, finished = 0"))
    done = checkout("migrate", "--finish")
    assert (done.exit_code, "run checkout migrate first" in done.output) == (1, True)
    with transaction(unfinished) as connection:
        connection.execute(sql("UPDATE schema_version SET version = version + 1"))


def test_a_refund_without_lines_is_the_same_request_as_before(engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    with transaction(engine) as connection:
        refunds.create(connection, order_id, 500, "尺码不对", "key")
    [stored] = rows(engine, "refunds")
    assert stored.fingerprint.hex == BEFORE
