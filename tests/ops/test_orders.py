"""An operator's view of orders, payments and refunds, and what he does to them."""

from __future__ import annotations

from base64 import b64decode
from typing import cast

import msgspec
from redis import Redis

from checkout.db import Engine, transaction
from checkout.orders import sweep
from sandbox.valkey import Valkey
from tests.shared.client import Client
from tests.shared.command import Command, answer, good, in_a_process, refused
from tests.shared.factories import (
    a_sku,
    an_attempt,
    an_order,
    attempts,
    order,
    paid,
    placed,
    refunded,
    row,
    rows,
    shipped,
    stock_of,
)
from tests.shared.ports import DISCARD


def rung(broker: Valkey, queue: str) -> list[tuple[str, list[object]]]:
    """The tasks that wait in a queue, with their arguments."""
    with Redis.from_url(broker.url(0)) as redis:
        waiting = [msgspec.json.decode(message) for message in cast("list[bytes]", redis.lrange(queue, 0, -1))]
    bodies = [msgspec.json.decode(b64decode(message["body"])) for message in waiting]
    return [(message["headers"]["task"], body[0]) for message, body in zip(waiting, bodies, strict=True)]


def test_the_newest_orders_stand_first(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    first, second = placed(engine), placed(engine, lines={"1": 9})
    listed = answer(checkout("orders", "list", "--json"))["orders"]
    assert [(found["id"], found["status"]) for found in listed] == [
        (str(second), "rejected"),
        (str(first), "awaiting_payment"),
    ]
    assert len(answer(checkout("orders", "list", "--limit", 1, "--json"))["orders"]) == 1
    only = answer(checkout("orders", "list", "--status", "rejected", "--json"))["orders"]
    assert [found["id"] for found in only] == [str(second)]


def test_orders_are_found_by_what_is_known_of_them(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    mine, others = paid(engine, user_id=7, reference="WX-7"), paid(engine, user_id=8)
    payment = row(engine, "payments", order_id=mine)
    numbers = {"--out-trade-no": payment.out_trade_no, "--trade-no": payment.trade_no}
    for option, value in {"--user": 7, "--reference": "WX-7", **numbers}.items():
        found = answer(checkout("orders", "list", option, value, "--json"))["orders"]
        assert [one["id"] for one in found] == [str(mine)]
    assert len(answer(checkout("orders", "list", "--json"))["orders"]) == 2
    assert str(others) not in good(checkout("orders", "list", "--user", 7)).split()
    assert good(checkout("orders", "list", "--user", 99)).split()[:3] == ["id", "user", "status"]


def test_a_sheet_tells_all_of_an_order(checkout: Command, engine: Engine) -> None:
    a_sku(engine, stock=9)
    order_id = paid(engine, lines={"1": 3})
    shipped(engine, order_id, sku_1=1)
    refund = refunded(engine, order_id, {"1": 1})
    told = good(checkout("orders", "show", order_id))
    parts = ["lines", "payments", "refunds", "parcels", "history"]
    assert [line for line in told.splitlines() if line in parts] == parts
    payment = row(engine, "payments", order_id=order_id)
    for words in (payment.out_trade_no, payment.trade_no, "paid, kept", "refund.requested", "order.paid", "1 × 1"):
        assert words in told
    listed = answer(checkout("refunds", "list", order_id, "--json"))["refunds"]
    assert [(one["id"], one["status"]) for one in listed] == [(str(refund.id), "requested")]
    assert str(refund.id) in good(checkout("refunds", "list", order_id))


def test_what_an_order_has_none_of_is_said(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    told = good(checkout("orders", "show", an_order(engine)))
    assert [line for line in told.splitlines() if line.endswith(": none")] == [
        *("payments: none", "refunds: none", "parcels: none"),
    ]
    assert "lines" in told.splitlines()


def test_an_order_looks_as_the_api_tells_it(checkout: Command, client: Client, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    told = client.get(f"/v1/orders/{order_id}").json
    assert answer(checkout("orders", "show", order_id, "--json")) == told


def test_a_table_shows_the_items_and_no_control_characters(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine, lines={"1": 2})
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE order_lines SET title = E'[red]\\x1b[31m茶'")
    shown = good(checkout("orders", "show", order_id))
    assert r"2 × [red]\u001b[31m茶" in shown
    assert "\x1b" not in shown


def test_cancelling_gives_the_stock_back(checkout: Command, engine: Engine) -> None:
    a_sku(engine, stock=5)
    order_id = placed(engine)
    cancelled = answer(checkout("orders", "cancel", order_id, "--json"))
    assert (cancelled["status"], cancelled["reason"], stock_of(engine)) == ("closed", "cancelled", 5)


def test_cancelling_has_alipay_asked_about_what_the_buyer_holds(
    checkout: Command, engine: Engine, broker: Valkey
) -> None:
    a_sku(engine)
    attempt = an_attempt(engine, placed(engine))
    good(checkout("orders", "cancel", attempt.order_id))
    assert rung(broker, "alipay") == [("query_payments", [[attempt.id]])]


def test_a_paid_order_is_not_cancelled(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    assert refused(checkout("orders", "cancel", paid(engine))) == "the order is awaiting_shipment"


def test_a_parked_order_is_tried_again_alone(checkout: Command, engine: Engine, broker: Valkey) -> None:
    a_sku(engine)
    order_id = an_order(engine)
    with transaction(engine) as connection:
        sweep.fail_alone(connection, order_id, "22003 out of range", parked=True)
    assert good(checkout("orders", "retry", order_id)) == f"order {order_id} is tried again\n"
    assert row(engine, "arrivals", order_id=order_id).error is None
    assert rung(broker, "orders") == [("place_order_alone", [order_id])]


def test_all_that_are_parked_or_wait_for_a_try_alone_are_tried_again(
    checkout: Command, engine: Engine, broker: Valkey
) -> None:
    a_sku(engine)
    parked, ill, healthy = (an_order(engine) for _ in range(3))
    with transaction(engine) as connection:
        sweep.fail_alone(connection, parked, "22003 out of range", parked=True)
        sweep.claim_alone(connection, ill)
    said = good(checkout("orders", "retry", "--all"))
    assert said == f"order {parked} is tried again\norder {ill} is tried again\n"
    assert sorted(rung(broker, "orders")) == [("place_order_alone", [parked]), ("place_order_alone", [ill])]
    assert row(engine, "arrivals", order_id=healthy).alone_at is None
    assert (checkout("orders", "retry").exit_code, checkout("orders", "retry", "--all", healthy).exit_code) == (2, 2)


def test_only_an_accepted_order_is_tried_again(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    order_id = placed(engine)
    assert refused(checkout("orders", "retry", order_id)) == f"order {order_id} does not wait to be placed"


def test_without_a_broker_the_order_is_cancelled_all_the_same(environment: dict[str, str], engine: Engine) -> None:
    a_sku(engine)
    order_id = an_attempt(engine, placed(engine)).order_id
    away = environment | {"CHECKOUT_BROKER_URL": f"redis://127.0.0.1:{DISCARD}/0"}
    done = in_a_process("orders", "cancel", order_id, environment=away)
    assert (done.returncode, done.stderr) == (0, "the broker does not answer; the workers find it by themselves\n")
    assert order(engine, order_id).status == "closed"


def test_a_payment_is_shown_with_its_refunds(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    good(checkout("refunds", "create", order_id, "--amount", "1.50", "--reason", "破损"))
    shown = answer(checkout("payments", "show", f"{order_id}-1", "--json"))
    [attempt] = attempts(engine, order_id)
    assert (shown["out_trade_no"], shown["status"], shown["kept"]) == (attempt.out_trade_no, "paid", True)
    assert (shown["amount"], shown["paid_amount"], shown["refunding_amount"]) == ("20.00", "20.00", "1.50")
    assert [(refund["amount"], refund["reason"]) for refund in shown["refunds"]] == [("1.50", "破损")]
    assert attempt.out_trade_no in good(checkout("payments", "show", f"{order_id}-1"))


def test_a_refund_rings_for_its_sending(checkout: Command, engine: Engine, broker: Valkey) -> None:
    a_sku(engine)
    order_id = paid(engine)
    made = answer(checkout("refunds", "create", order_id, "--amount", "20", "--json"))
    assert (made["status"], made["amount"], made["source"]) == ("requested", "20.00", "operator")
    assert ("send_refunds", [[int(made["id"])]]) in rung(broker, "refunds")


def test_the_same_key_is_the_same_refund(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    command = ("refunds", "create", order_id, "--amount", "1.00", "--key", "k")
    assert answer(checkout(*command, "--json"))["id"] == answer(checkout(*command, "--json"))["id"]
    good(checkout("refunds", "create", order_id, "--amount", "1.00"))
    assert len(rows(engine, "refunds")) == 2
    other = ("refunds", "create", order_id, "--amount", "2.00", "--key", "k")
    assert refused(checkout(*other)) == "the key came with another refund before"


def test_no_more_is_refunded_than_was_paid(checkout: Command, engine: Engine) -> None:
    a_sku(engine)
    order_id = paid(engine)
    assert refused(checkout("refunds", "create", order_id, "--amount", "20.01")) == "20.00 is left of what was paid"
    assert "at least 0.01" in refused(checkout("refunds", "create", order_id, "--amount", "0"), status=2)
    assert "is not an amount" in refused(checkout("refunds", "create", order_id, "--amount", "1.001"), status=2)


def test_what_is_not_there_is_named(checkout: Command) -> None:
    assert refused(checkout("orders", "show", 99)) == "there is no order 99"
    assert refused(checkout("orders", "cancel", 99)) == "there is no order 99"
    assert refused(checkout("refunds", "create", 99, "--amount", "1")) == "there is no order 99"
    assert refused(checkout("payments", "show", "99-1")) == "there is no payment 99-1"
    assert "they are like 17-1" in refused(checkout("payments", "show", "99"), status=2)
