"""Each kind of matter that needs a person is listed, and goes away with its cause."""

from __future__ import annotations

import pytest

from checkout.audit import alarms, stuck
from checkout.audit.alarms import Alarm
from checkout.audit.stuck import Matter
from checkout.db import Engine, reading, sql, transaction
from checkout.payments import refunds
from tests.shared.command import Command, answer, good
from tests.shared.databases import on_each_way
from tests.shared.factories import a_sku, a_trade, an_attempt, an_order, paid, placed, told

pytestmark = on_each_way


def matters(engine: Engine) -> list[Matter]:
    with reading(engine) as connection:
        return stuck.find(connection)


def only(engine: Engine) -> tuple[str, str]:
    [matter] = matters(engine)
    assert matter.cure
    return matter.kind, matter.subject


def do(engine: Engine, statement: str) -> None:
    with transaction(engine) as connection:
        connection.execute(sql(statement))


@pytest.fixture(autouse=True)
def _something_to_sell(engine: Engine) -> None:
    a_sku(engine)


def test_a_shop_at_work_has_nothing_stuck(checkout: Command, engine: Engine) -> None:
    an_order(engine)
    an_attempt(engine, placed(engine))
    paid(engine)
    assert good(checkout("stuck")) == "nothing is stuck\n"
    assert answer(checkout("stuck", "--json")) == []


def test_a_matter_is_told_with_what_is_known_and_its_cure(checkout: Command, engine: Engine) -> None:
    order_id = an_order(engine)
    do(engine, "UPDATE arrivals SET error = '22003 out of range', parked = true")
    [told_json] = answer(checkout("stuck", "--json"))
    assert (told_json["kind"], told_json["subject"]) == ("order_parked", str(order_id))
    assert "22003 out of range" in told_json["detail"]
    assert "checkout orders retry" in told_json["cure"]
    assert "22003 out of range" in good(checkout("stuck"))


def alarm(engine: Engine, *alarms_: Alarm) -> None:
    with transaction(engine) as connection:
        for one in alarms_:
            alarms.raise_alarm(connection, one)


def test_what_settles_itself_closes_itself(engine: Engine) -> None:
    attempt = an_attempt(engine, placed(engine))
    number = attempt.out_trade_no
    alarm(engine, *(Alarm(kind, number, "x", 1) for kind in ("query_failed", "answer_differs", "trade_differs")))
    told(engine, a_trade(attempt))
    assert only(engine) == ("trade_differs", number)
    alarm(engine, Alarm("query_failed", number, "x", 1))
    assert stuck_kinds(engine) == {"trade_differs": 1, "query_failed": 1}


def stuck_kinds(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        return stuck.count(connection)


def test_a_person_settles_a_matter_until_it_begins_anew(checkout: Command, engine: Engine) -> None:
    unknown = Alarm("notify_of_unknown_payment", "X1", "5000.00 yuan for X1", fen=500_000)
    alarm(engine, unknown)
    assert "settled" in good(checkout("stuck", "resolve", *only(engine), "--note", "refunded in the console"))
    assert matters(engine) == []
    alarm(engine, unknown)  # Alipay repeats what was not acknowledged.
    assert matters(engine) == []
    alarm(engine, unknown._replace(says="6000.00 yuan for X1"))
    assert only(engine) == ("notify_of_unknown_payment", "X1")


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (("order_parked", "77", "--note", "x"), 1),
        (("order_parked", "77"), 2),
        (("order_parked", "77", "--note", " "), 2),
        (("nonsense", "77", "--note", "x"), 2),
    ],
)
def test_only_what_stands_there_is_settled_and_never_without_a_word(
    checkout: Command, arguments: tuple[str, ...], exit_code: int
) -> None:
    assert checkout("stuck", "resolve", *arguments).exit_code == exit_code


def test_money_comes_first_all_are_counted_and_paged(checkout: Command, engine: Engine) -> None:
    an_order(engine)
    do(engine, "UPDATE arrivals SET error = '22003 out of range', parked = true")
    alarm(engine, *(Alarm("notify_for_another", f"N{n}", "from another app") for n in range(120)))
    alarm(engine, Alarm("notify_of_unknown_payment", "LARGE", "5000.00 yuan for LARGE", fen=500_000))
    alarm(engine, Alarm("notify_of_unknown_payment", "SMALL", "1.00 yuan for SMALL", fen=100))
    first = answer(checkout("stuck", "--json"))
    assert [one["subject"] for one in first[:2]] == ["LARGE", "SMALL"]
    assert {one["kind"]: one["of_kind"] for one in first} == {"notify_of_unknown_payment": 2, "notify_for_another": 120}
    second = answer(checkout("stuck", "--json", "--page", "2"))
    assert (len(first), len(second), second[-1]["kind"]) == (100, 23, "order_parked")
    assert [one["kind"] for one in answer(checkout("stuck", "--json", "--kind", "order_parked"))] == ["order_parked"]
    assert "123 in all: 2 notify_of_unknown_payment, 120 notify_for_another, 1 order_parked" in good(checkout("stuck"))


def test_an_order_that_nobody_places(engine: Engine) -> None:
    order_id = an_order(engine)
    do(engine, "UPDATE arrivals SET since = now() - interval '61 seconds'")
    assert only(engine) == ("order_not_placed", str(order_id))


def test_an_order_that_is_tried_alone(engine: Engine) -> None:
    order_id = an_order(engine)
    do(engine, "UPDATE orders SET accepted_at = now() - interval '61 seconds'")
    do(engine, "UPDATE arrivals SET alone_at = now(), tries = 2, deaths = 3, error = 'P0001 no'")
    assert only(engine) == ("order_tried_alone", str(order_id))
    assert "was tried alone 2 times; 3 workers died with it: P0001 no" in matters(engine)[0].detail


def test_money_that_was_not_kept_until_it_has_gone_back(engine: Engine) -> None:
    order_id = placed(engine)
    first, second = an_attempt(engine, order_id), an_attempt(engine, order_id, "wap")
    told(engine, a_trade(first), a_trade(second))
    assert only(engine) == ("money_not_kept", second.id)
    do(engine, "UPDATE refunds SET status = 'succeeded', finished_at = now(), next_try_at = NULL")
    do(engine, "UPDATE payments SET refunded_fen = paid_fen, refunding_fen = 0 WHERE n = 2")
    assert matters(engine) == []


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("refund_unknown", "status = 'unknown', tries = 1"),
        ("refund_tried_often", "tries = 4"),
        ("refund_overdue", "next_try_at = now() - interval '61 seconds'"),
        ("refund_failed", "status = 'failed', next_try_at = NULL, finished_at = now()"),
    ],
)
def test_a_refund_that_does_not_succeed(engine: Engine, kind: str, change: str) -> None:
    order_id = paid(engine)
    with transaction(engine) as connection:
        refund, _ = refunds.create(connection, order_id, 100, "", "k")
    assert matters(engine) == []
    do(engine, f"UPDATE refunds SET {change}")
    assert only(engine) == (kind, str(refund.id))


def test_a_failed_refund_until_another_was_made(engine: Engine) -> None:
    order_id = paid(engine)
    for key in ("first", "second"):
        with transaction(engine) as connection:
            refunds.create(connection, order_id, 100, "", key)
        if key == "first":
            do(engine, "UPDATE refunds SET status = 'failed', next_try_at = NULL, finished_at = now()")
    assert matters(engine) == []


def test_a_step_that_nobody_takes(engine: Engine) -> None:
    order_id = placed(engine)
    do(engine, "UPDATE payments SET due_at = now() - interval '61 seconds'")
    assert only(engine) == ("step_overdue", f"{order_id}-1")


def test_an_attempt_of_which_alipay_does_not_say_what_became(engine: Engine) -> None:
    attempt = an_attempt(engine, placed(engine))
    do(engine, "UPDATE payments SET payable_until = now() - interval '11 minutes'")
    assert only(engine) == ("outcome_unknown", attempt.id)


def test_a_notify_that_nobody_applies(engine: Engine) -> None:
    do(
        engine,
        """INSERT INTO notifies (fact, out_trade_no, params, received_at)
        VALUES (gen_random_uuid(), 'X1', '{}', now() - interval '61 seconds')""",
    )
    assert only(engine)[0] == "notify_not_applied"


def test_events_that_nobody_sends(engine: Engine) -> None:
    assert matters(engine) == []
    do(engine, "UPDATE events SET at = at - interval '61 seconds'")
    assert only(engine)[0] == "events_not_sent"
    do(engine, "UPDATE relay SET published = (SELECT max(id) FROM events)")
    assert matters(engine) == []


def test_a_bill_that_differs_until_it_is_settled(engine: Engine) -> None:
    do(engine, "INSERT INTO bills (day, asked_at) VALUES ('2026-11-21', now())")
    do(
        engine,
        """INSERT INTO discrepancies (day, kind, out_trade_no, theirs_fen, action)
        VALUES ('2026-11-21', 'theirs_only', 'X1', 100, 'look')""",
    )
    assert only(engine) == ("bill_differs", "2026-11-21/X1/")
    do(engine, "UPDATE discrepancies SET resolved_at = now()")
    assert matters(engine) == []
