"""The door: a 202 is an order in PostgreSQL, once per user and key."""

from __future__ import annotations

import pytest

from checkout.db import Engine, sql, transaction
from checkout.orders import acceptance
from checkout.orders.acceptance import Accepted, Request
from tests.shared.client import Client, an_order_body, problem
from tests.shared.databases import on_each_way
from tests.shared.factories import a_request, a_sku, order, rows
from tests.shared.threads import at_once

pytestmark = on_each_way


def accept(engine: Engine, *requests: Request) -> list[Accepted]:
    with transaction(engine) as connection:
        return acceptance.accept(connection, requests)


def test_an_accepted_order_is_stored_with_its_arrival_and_key(engine: Engine) -> None:
    [accepted] = accept(engine, a_request(7, "k", {"2": 3, "1": 1}, expected_total="12.30", remark="请轻放"))
    stored = order(engine, accepted.order_id)
    assert (stored.status, stored.user_id, stored.version) == ("accepted", 7, 1)
    assert (stored.sku_ids, stored.quantities) == (["1", "2"], [1, 3])
    assert (stored.expected_total_fen, stored.remark, stored.recipient) == (1230, "请轻放", "李雷")
    assert [arrival.order_id for arrival in rows(engine, "arrivals")] == [accepted.order_id]
    assert stored.accepted_at == accepted.accepted_at


@pytest.mark.parametrize(
    "text", ['{"a"}', "back\\slash", "NULL", "", "a,b", "'); DROP TABLE orders; --", "%s :x", "\t"]
)
def test_text_is_stored_as_it_was_written(engine: Engine, text: str) -> None:
    [accepted] = accept(engine, a_request(remark=text))
    assert order(engine, accepted.order_id).remark == text


def test_the_same_key_and_request_give_the_same_order(engine: Engine) -> None:
    [first], [again] = accept(engine, a_request(1, "k")), accept(engine, a_request(1, "k"))
    assert (again.order_id, again.replayed, again.reused) == (first.order_id, True, False)
    assert len(rows(engine, "orders")) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"lines": {"1": 2}},
        {"lines": {"2": 1}},
        {"pay_method": "cash"},
        {"remark": "other"},
        {"expected_total": "20.00"},
        {"from_cart": True},
    ],
)
def test_the_same_key_with_another_request_is_a_reuse(engine: Engine, other: dict[str, object]) -> None:
    accept(engine, a_request(1, "k"))
    request = {"lines": {"1": 1}} | other
    [again] = accept(engine, a_request(1, "k", **request))  # type: ignore[arg-type] # One of many keywords.
    assert again.reused
    assert len(rows(engine, "orders")) == 1


def test_the_content_of_a_cart_is_not_part_of_the_request(engine: Engine) -> None:
    [first] = accept(engine, a_request(1, "k", {"1": 1}, from_cart=True))
    [again] = accept(engine, a_request(1, "k", {"2": 5}, from_cart=True))
    assert (again.order_id, again.reused) == (first.order_id, False)


def test_keys_belong_to_their_user(engine: Engine) -> None:
    [first], [second] = accept(engine, a_request(1, "k")), accept(engine, a_request(2, "k"))
    assert first.order_id != second.order_id
    assert not second.replayed


def test_users_and_keys_are_not_run_together(engine: Engine) -> None:
    [first], [second] = accept(engine, a_request(1, "2k")), accept(engine, a_request(12, "k"))
    assert first.order_id != second.order_id


def test_doubles_inside_a_batch_share_one_order(engine: Engine) -> None:
    one, other, reuse = a_request(1, "k"), a_request(1, "z"), a_request(1, "k", {"1": 9})
    first, second, third, fourth = accept(engine, one, other, one, reuse)
    assert first.order_id == third.order_id == fourth.order_id != second.order_id
    assert (first.replayed, third.replayed, third.reused, fourth.reused) == (False, True, False, True)
    assert len(rows(engine, "orders")) == 2


def test_a_key_is_known_for_seven_days_across_partitions(engine: Engine) -> None:
    [first] = accept(engine, a_request(1, "k"))
    with transaction(engine) as connection:
        # A row moves to the partition of its day; the oldest go to the default one here.
        connection.execute(sql("UPDATE order_keys SET day = day - 7"))
    [again] = accept(engine, a_request(1, "k"))
    assert (again.order_id, again.replayed) == (first.order_id, True)
    assert accept(engine, a_request(1, "k", {"1": 2}))[0].reused


def test_a_rolled_back_door_leaves_the_key_usable(engine: Engine) -> None:
    class CrashError(Exception):
        pass

    with pytest.raises(CrashError), transaction(engine) as connection:
        acceptance.accept(connection, [a_request(1, "k")])
        raise CrashError
    [accepted] = accept(engine, a_request(1, "k"))
    assert not accepted.replayed


def test_two_doors_with_the_same_keys_in_opposite_order_make_one_order_each(engine: Engine) -> None:
    requests = [a_request(1, f"k{n}") for n in range(40)]
    doors = [requests, requests[::-1]] * 4
    answers = at_once(lambda batch: accept(engine, *batch), doors)
    made = {answer.order_id for batch in answers for answer in batch}
    assert len(made) == len(rows(engine, "orders")) == 40


def test_fifty_at_once_with_one_key_get_one_order_and_equal_answers(client: Client, engine: Engine) -> None:
    a_sku(engine)
    results = client.together(
        [client.call("POST", "/v1/orders", headers={"Idempotency-Key": "k"}, json=an_order_body()) for _ in range(50)]
    )
    assert {result.status_code for result in results} == {202}
    [stored] = rows(engine, "orders")
    said = [{name: result.json[name] for name in ("id", "items", "address", "accepted_at")} for result in results]
    assert all(body == said[0] for body in said)
    assert said[0]["id"] == str(stored.id)
    assert [result.headers.get("idempotent-replayed") for result in results].count(None) == 1


def test_a_202_says_where_the_order_is_and_when_to_ask(client: Client) -> None:
    result = client.order("k", an_order_body(items=[{"sku_id": "1", "quantity": 2}, {"sku_id": "1", "quantity": 3}]))
    assert result.status_code == 202
    assert result.headers["location"] == f"/v1/orders/{result.json['id']}"
    assert int(result.headers["retry-after"]) >= 1
    body = result.json
    assert (body["status"], body["pay_method"], body["total_count"]) == ("accepted", "alipay", 5)
    assert body["items"] == [{"sku_id": "1", "quantity": 5}]
    assert not {"total_amount", "goods_amount", "freight", "payment", "reason"} & set(body)


def test_a_replay_answers_the_order_as_it_is_now(client: Client, engine: Engine) -> None:
    first = client.order("k")
    client.post(f"/v1/orders/{first.json['id']}/cancel")
    again = client.order("k")
    assert (again.status_code, again.json["status"]) == (202, "closed")
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert len(rows(engine, "orders")) == 1


def test_a_request_is_compared_decoded_and_normalised(client: Client) -> None:
    body = an_order_body(items=[{"sku_id": "1", "quantity": 1}, {"sku_id": "2", "quantity": 2}], remark="")
    other = an_order_body(items=[{"sku_id": "2", "quantity": 2}, {"sku_id": "1", "quantity": 1}])
    assert client.order("k", body).json["id"] == client.order("k", other).json["id"]


def test_another_request_with_the_key_is_refused(client: Client, engine: Engine) -> None:
    client.order("k")
    assert problem(client.order("k", an_order_body(remark="other"))) == (422, "idempotency_key_reused")
    assert len(rows(engine, "orders")) == 1
