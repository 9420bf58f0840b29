"""What operators find over HTTP: orders, by what they know of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from checkout.db import Engine, sql, transaction
from checkout.orders import views
from tests.shared.client import Client, problem
from tests.shared.factories import (
    a_sku,
    an_order,
    many_orders,
    paid,
    placed,
    row,
)


def find(client: Client, **asked: object) -> dict[str, Any]:
    """A page of an operator's search."""
    query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in asked.items())
    answer = client.get(f"/v1/orders?{query}", user=99, is_operator=True)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json
    return page


def ids(page: dict[str, Any]) -> list[int]:
    return [int(one["id"]) for one in page["orders"]]


def test_orders_are_found_by_what_is_known_of_them(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=20)
    first, second = placed(engine, user_id=1, reference="WX-1"), paid(engine, user_id=2)
    third = placed(engine, user_id=2, pay_method="cash")
    attempt = row(engine, "payments", order_id=second)
    assert ids(find(client)) == [third, second, first]
    assert ids(find(client, user_id=2)) == [third, second]
    assert ids(find(client, status="awaiting_payment")) == [first]
    assert ids(find(client, user_id=2, status="awaiting_shipment")) == [third, second]
    assert ids(find(client, reference="WX-1")) == [first]
    assert ids(find(client, out_trade_no=attempt.out_trade_no)) == [second]
    assert ids(find(client, trade_no=attempt.trade_no)) == [second]
    assert ids(find(client, trade_no=attempt.trade_no, user_id=1)) == []
    assert ids(find(client, out_trade_no="unknown")) == ids(find(client, reference="WX-2")) == []
    assert find(client, user_id=1)["orders"][0]["user_id"] == "1"


def test_orders_are_found_by_their_time(client: Client, engine: Engine) -> None:
    orders = many_orders(engine, 60)
    start = datetime.now(UTC) - timedelta(days=10)
    with transaction(engine) as connection:
        moved = sql(
            "UPDATE orders SET accepted_at = CAST(:start AS timestamptz) + make_interval(hours => id::int) WHERE id > 0"
        )
        connection.execute(moved, {"start": start})
    since, until = start + timedelta(hours=orders[9]), start + timedelta(hours=orders[19])
    found = find(client, **{"from": since.isoformat(), "to": until.isoformat(), "limit": 200})
    assert ids(found) == orders[9:19][::-1]
    assert ids(find(client, **{"from": until.isoformat(), "limit": 200})) == orders[19:][::-1]
    assert ids(find(client, to=since.isoformat(), limit=200)) == orders[:9][::-1]
    assert ids(find(client, **{"from": (start + timedelta(days=9)).isoformat()})) == []


def test_pages_follow_each_other_and_miss_nothing(client: Client, engine: Engine) -> None:
    orders = many_orders(engine, 25)
    seen, cursor = list[int](), None
    while True:
        page = find(client, limit=10, **({"cursor": cursor} if cursor else {}))
        seen += ids(page)
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == orders[::-1]


def test_a_search_that_finds_little_looks_at_so_many_and_says_where_to_go_on(
    client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_LOOKED_AT", 10)
    a_sku(engine, stock=100)
    wanted = placed(engine)
    many_orders(engine, 35)
    pages, cursor = 0, None
    found: list[int] = []
    while cursor is not None or not pages:
        page = find(client, status="awaiting_payment", **({"cursor": cursor} if cursor else {}))
        found += ids(page)
        cursor, pages = page["next_cursor"], pages + 1
    assert (found, pages) == ([wanted], 4)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        *(("user_id=x", "user_id"), ("status=odd", "status"), ("reference=%00", "reference")),
        *(("from=yesterday", "from"), ("to=2026-11-27", "to"), ("from=0001-01-01T00:00:00Z", "from")),
        *(("trade_no=" + "1" * 129, "trade_no"), ("cursor=-1", "cursor"), ("limit=0", "limit")),
    ],
)
def test_what_cannot_be_looked_for_is_named(client: Client, query: str, path: str) -> None:
    answer = client.get(f"/v1/orders?{query}", is_operator=True)
    assert problem(answer) == (422, "invalid")
    assert answer.json["errors"][0]["path"] == path


def test_a_plus_that_was_not_escaped_is_understood(client: Client) -> None:
    assert client.get("/v1/orders?from=2026-11-27T08:00:00+08:00", is_operator=True).status_code == 200


@pytest.mark.parametrize("name", ["user_id", "reference", "out_trade_no", "trade_no", "from", "to"])
def test_buyers_look_for_nobody_else_s_orders(client: Client, engine: Engine, name: str) -> None:
    mine, _ = an_order(engine, user_id=1), an_order(engine, user_id=2)
    assert problem(client.get(f"/v1/orders?{name}=1")) == (403, "forbidden")
    assert ids(client.get("/v1/orders").json) == [mine]


def test_a_user_s_id_may_be_as_large_as_any(client: Client) -> None:
    assert ids(find(client, user_id="9" * 19)) == []
