"""How frontends follow an order: reads, long polls, streams."""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import Future

import pytest
from falcon.testing import Result

from api import orders as api_orders
from api import streams
from checkout.db import Engine
from checkout.events import waking
from checkout.resources import Resources
from tests.shared.client import Client, problem, serving
from tests.shared.factories import a_sku, an_order, many_orders, order, paid, place_all, placed
from tests.shared.messages import against
from tests.shared.processes import eventually


def place(engine: Engine, resources: Resources, order_id: int, *, wakes: bool = True) -> None:
    for batch in place_all(engine, [order_id]):
        if wakes:
            waking.wake(resources.redis, batch.wakes)


def poll(client: Client, order_id: int, wait: int, etag: str | None = None) -> Future[Result]:
    headers = {"Prefer": f"wait={wait}"} | ({"If-None-Match": etag} if etag else {})
    future = client.begin(client.call("GET", f"/v1/orders/{order_id}", headers=headers))
    eventually(lambda: future.done() or waits(client, order_id), "it waits, or has its answer")
    return future


def waits(client: Client, order_id: int) -> bool:
    """Whether somebody has looked at the order and sleeps until he hears of it."""
    return any(waiter._bell is not None for waiter in client.runtime.waiters._waiting.get(order_id, ()))


def test_a_status_read_has_an_etag_that_changes_with_the_order(client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    path = f"/v1/orders/{order_id}"
    first = client.get(path)
    assert client.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    place_all(engine, [order_id])
    second = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.headers["etag"] != first.headers["etag"]) == (200, True)


def test_the_202s_etag_is_that_of_the_order(client: Client) -> None:
    accepted = client.order("k")
    assert client.get(accepted.headers["location"]).headers["etag"] == accepted.headers["etag"]


def test_a_wait_ends_as_soon_as_the_order_is_placed(client: Client, engine: Engine, resources: Resources) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    waiting = poll(client, order_id, 30)
    assert not waiting.done()
    place(engine, resources, order_id)
    result = waiting.result(30)
    assert (result.status_code, result.json["status"]) == (200, "awaiting_payment")
    assert result.headers["preference-applied"] == "wait=30"


def test_a_lost_wake_up_costs_seconds_not_truth(client: Client, engine: Engine, resources: Resources) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    waiting = poll(client, order_id, 30)
    place(engine, resources, order_id, wakes=False)
    assert waiting.result(30).json["status"] == "awaiting_payment"


def test_a_wait_without_news_ends_as_it_is(client: Client, engine: Engine) -> None:
    order_id = an_order(engine)
    result = poll(client, order_id, 1).result(30)
    assert (result.status_code, result.json["status"]) == (200, "accepted")


def test_a_wait_without_etag_does_not_wait_for_a_placed_order(client: Client, engine: Engine) -> None:
    a_sku(engine)
    assert poll(client, placed(engine), 30).result(30).status_code == 200


def test_a_wait_with_an_etag_ends_with_304_or_with_the_change(
    client: Client, engine: Engine, resources: Resources
) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    etag = client.get(f"/v1/orders/{order_id}").headers["etag"]
    unchanged = poll(client, order_id, 1, etag).result(30)
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
    waiting = poll(client, order_id, 30, etag)
    place(engine, resources, order_id)
    changed = waiting.result(30)
    assert (changed.status_code, changed.json["status"]) == (200, "awaiting_payment")


def test_an_etag_that_is_old_already_is_answered_at_once(client: Client, engine: Engine) -> None:
    a_sku(engine)
    result = poll(client, placed(engine), 30, '"1"').result(30)
    assert result.status_code == 200


def test_a_hundred_waiters_hear_of_their_own_orders(client: Client, engine: Engine, resources: Resources) -> None:
    a_sku(engine, stock=500)
    ids = many_orders(engine, 100)
    headers = {"Prefer": "wait=30"}
    calls = [client.call("GET", f"/v1/orders/{id_}", user=user, headers=headers) for user, id_ in enumerate(ids, 1)]
    waiting = [client.begin(call) for call in calls]
    eventually(lambda: all(waits(client, order_id) for order_id in ids), "everybody waits")
    place(engine, resources, ids[0])
    assert {future.result(20).json["status"] for future in waiting} == {"awaiting_payment"}


def test_the_list_shows_ones_own_newest_first_by_cursor(client: Client, engine: Engine) -> None:
    a_sku(engine, stock=10)
    ids = [an_order(engine) for _ in range(4)] + [placed(engine)]
    an_order(engine, user_id=2)
    first = client.get("/v1/orders", params={"limit": 3}).json
    assert [int(body["id"]) for body in first["orders"]] == ids[:1:-1]
    second = client.get("/v1/orders", params={"limit": 3, "cursor": first["next_cursor"]}).json
    assert [int(body["id"]) for body in second["orders"]] == ids[1::-1]
    assert second["next_cursor"] is None


def test_the_list_may_be_of_one_status(client: Client, engine: Engine) -> None:
    a_sku(engine)
    an_order(engine)
    order_id = paid(engine)
    found = client.get("/v1/orders", params={"status": "awaiting_shipment"}).json["orders"]
    assert [int(body["id"]) for body in found] == [order_id]


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream notices at its next comment that its reader has gone; here that is soon."""
    monkeypatch.setattr(api_orders, "PING_SECONDS", 0.5)


class Told(list[dict[str, str]]):
    """What a stream has told, event by event, as their fields."""


async def read_stream(
    client: Client, path: str, count: int, found: Told | None = None, headers: dict[str, str] | None = None
) -> list[dict[str, str]]:
    """The first events of a stream; they can be watched as they come in `found`."""
    found = Told() if found is None else found
    async with client.conductor.simulate_get_stream(path, headers=headers or {}) as stream:
        text = ""
        while len(found) < count:
            text += (await asyncio.wait_for(stream.stream.read(), 20)).decode()
            *whole, text = text.split("\n\n")
            blocks = [[line.split(": ", 1) for line in block.split("\n") if ": " in line] for block in whole]
            found += [dict(block) for block in blocks if block and block[0][0]]
    return found


def events_path(client: Client, order_id: int) -> str:
    url: str = client.get(f"/v1/orders/{order_id}").json["events_url"]
    return url


@pytest.mark.usefixtures("restless")
def test_a_stream_tells_each_change(client: Client, engine: Engine, resources: Resources) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    told = Told()
    reading = client.begin(read_stream(client, events_path(client, order_id), 2, told))
    eventually(lambda: len(told) == 1, "the stream tells what is")
    place(engine, resources, order_id)
    first, second = reading.result(30)
    assert [json.loads(event["data"])["status"] for event in (first, second)] == ["accepted", "awaiting_payment"]
    assert int(first["id"]) < int(second["id"]) == order(engine, order_id).version


@pytest.mark.usefixtures("restless")
def test_a_stream_goes_on_after_the_last_event(client: Client, engine: Engine, resources: Resources) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    path = events_path(client, order_id)
    reading = client.begin(read_stream(client, path, 1, headers={"Last-Event-ID": "1"}))
    eventually(lambda: waits(client, order_id), "the stream waits")
    place(engine, resources, order_id)
    [event] = reading.result(30)
    assert json.loads(event["data"])["status"] == "awaiting_payment"


@pytest.mark.usefixtures("restless")
def test_a_stream_opens_by_bearer_too(client: Client, engine: Engine) -> None:
    from tests.shared.client import token

    order_id = an_order(engine)
    path = f"/v1/orders/{order_id}/events"
    bearer = {"Authorization": f"Bearer {token(client.settings)}"}
    [event] = client.wait(read_stream(client, path, 1, headers=bearer))
    assert json.loads(event["data"])["id"] == str(order_id)
    assert against(json.loads(event["data"]), "#/components/messages/order/payload") == []


@pytest.mark.usefixtures("restless")
def test_a_stream_does_not_renew_its_own_token(client: Client, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or whoever got hold of one address would read names and phones for good."""
    path = events_path(client, an_order(engine))
    monkeypatch.setattr(streams.Streams, "token", lambda *_: "fresh")
    [event] = client.wait(read_stream(client, path, 1))
    assert json.loads(event["data"])["events_url"] == path


@pytest.mark.parametrize("change", ["", "x", "1.00", "99999999999.00"])
def test_a_token_that_does_not_hold_opens_no_stream(client: Client, engine: Engine, change: str) -> None:
    order_id = an_order(engine)
    path = f"/v1/orders/{order_id}/events?token={change}"
    assert problem(client.get(path, user=None)) == (401, "unauthorized")


def test_a_token_opens_its_own_orders_stream_only(client: Client, engine: Engine) -> None:
    first, second = an_order(engine), an_order(engine)
    path = events_path(client, first).replace(f"/{first}/", f"/{second}/")
    assert problem(client.get(path, user=None)) == (401, "unauthorized")


def test_the_api_stops_at_any_moment(client: Client) -> None:
    """A cancellation that comes while the Redis client connects is easily lost."""
    for pause in range(12):
        with serving(client.settings):
            time.sleep(pause / 1000)
