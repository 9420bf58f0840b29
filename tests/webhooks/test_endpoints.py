"""Who hears of what: topics, secrets that rotate, and places in the log that are set back."""

from __future__ import annotations

from typing import Any

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from checkout.audit import stuck
from checkout.db import sql, transaction
from checkout.errors import Invalid, NotFound
from checkout.events import log
from checkout.webhooks import endpoints, history, watch
from checkout.webhooks.endpoints import MOST_ENDPOINTS, Secret
from tests.shared import ports
from tests.shared.threads import at_once
from tests.webhooks.conftest import Sender
from tests.webhooks.receiver import Receiver, receiving


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("#", "order.placed", ""),
        ("order.*", "order.placed", "payment.created"),
        ("order.#", "order.placed", "stock.sold_out"),
        ("*.created", "payment.created", "order.placed"),
        ("#.paid", "order.paid", "order.placed"),
        ("order.paid", "order.paid", "order.placed"),
        ("*.*", "refund.failed", ""),
        ("#.#", "refund.failed", ""),
    ],
)
def test_topics_are_patterns_as_queues_bind_with_them(pattern: str, fitting: str, other: str) -> None:
    assert endpoints.wants([pattern], fitting)
    assert not other or not endpoints.wants([pattern], other)


@pytest.mark.parametrize(
    "topics", [[], ["order"], ["ordr.*"], ["*"], ["order.*", "Order.placed"], ["a"] * 21, ["o..p"]]
)
def test_topics_that_fit_no_event_are_refused(sender: Sender, topics: list[str]) -> None:
    with pytest.raises(Invalid) as refused, transaction(sender.engine) as connection:
        endpoints.add(connection, "https://93.184.215.14/", topics)
    assert refused.value.details["path"] == "topics"
    assert sender.rows("SELECT FROM webhook_endpoints") == []


def test_there_are_only_so_many(sender: Sender) -> None:
    for _ in range(MOST_ENDPOINTS):
        sender.add("https://93.184.215.14/", private=False)
    with pytest.raises(Invalid):
        sender.add("https://93.184.215.14/", private=False)


def test_while_a_secret_is_rotated_both_hold_for_a_day(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    with transaction(sender.engine) as connection:
        rotated = endpoints.rotate(connection, endpoint.endpoint_id)
    assert rotated.former_until is not None
    sender.happens("1", 1)
    sender.deliver(endpoint)
    receiver.verify(endpoint.secret)
    receiver.verify(rotated.secret)
    with transaction(sender.engine) as connection:
        [(hours,)] = connection.execute(
            sql("SELECT round(extract(epoch FROM former_until - now()) / 3600) FROM webhook_endpoints")
        )
        assert hours == 24
        connection.execute(sql("UPDATE webhook_endpoints SET former_until = now()"))
    receiver.got.clear()
    sender.happens("1", 2)
    sender.deliver(endpoint)
    receiver.verify(rotated.secret)
    with pytest.raises(WebhookVerificationError):
        receiver.verify(endpoint.secret)


def test_replaying_sends_what_the_log_has_again(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    sender.happens("1", 1, 2, 3)
    sender.deliver(endpoint)
    first = receiver.ids()
    with transaction(sender.engine) as connection:
        endpoints.replay(connection, endpoint.endpoint_id, after=int(first[0]))
    assert sender.deliver(endpoint) == 2
    assert receiver.ids() == [*first, *first[1:]]


def test_a_replay_never_skips_what_was_not_sent(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    sender.happens("1", 1, 2)
    last = sender.rows("SELECT max(id) AS id FROM events")[0].id
    with transaction(sender.engine) as connection:
        endpoints.replay(connection, endpoint.endpoint_id, after=last)
    assert sender.deliver(endpoint) == 2
    assert receiver.sequences() == {"1": [1, 2]}


def test_of_two_replays_at_once_the_one_further_back_holds(sender: Sender, endpoint: Secret) -> None:
    sender.happens("1", 1, 2, 3)
    sender.deliver(endpoint)
    first = sender.rows("SELECT min(id) AS id FROM events")[0].id

    def replay(after: int) -> None:
        with transaction(sender.engine) as connection:
            endpoints.replay(connection, endpoint.endpoint_id, after)

    at_once(replay, [first - 1, first + 1])
    assert sender.find(endpoint).reached == first - 1


def test_a_replay_beside_a_round_lets_no_event_pass_those_before_it(
    sender: Sender, receiver: Receiver, endpoint: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes between two looks of the round, and takes away what says that the first event was not taken."""
    receiver.answer = lambda event: 500 if event["sequence"] == 1 else 204
    sender.happens("1", 1)
    sender.deliver(endpoint)
    receiver.answer = lambda _event: 204
    receiver.got.clear()
    sender.happens("1", 2)
    between = log.between

    def meanwhile(*arguments: Any) -> Any:
        found = between(*arguments)
        monkeypatch.setattr(log, "between", between)
        with transaction(sender.engine) as connection:
            endpoints.replay(connection, endpoint.endpoint_id, after=0)
        return found

    monkeypatch.setattr(log, "between", meanwhile)
    for _ in range(2):
        sender.deliver(endpoint)
    assert receiver.sequences() == {"1": [1, 2]}


def test_replaying_forgets_what_was_set_aside_behind_that_place(
    sender: Sender, receiver: Receiver, endpoint: Secret
) -> None:
    receiver.answer = lambda _event: 500
    sender.happens("1", 1, 2)
    sender.deliver(endpoint)
    assert sender.find(endpoint).set_aside == 1
    with transaction(sender.engine) as connection:
        endpoints.replay(connection, endpoint.endpoint_id, after=0)
    receiver.answer = lambda _event: 204
    assert sender.deliver(endpoint) == 2
    assert sender.find(endpoint).set_aside == 0


def test_one_that_moves_hears_at_its_new_address_what_it_had_not_taken(
    sender: Sender, receiver: Receiver, endpoint: Secret
) -> None:
    sender.happens("1", 1)
    sender.deliver(endpoint)
    receiver.answer = lambda _event: 410
    sender.happens("1", 2)
    sender.happens("2", 1)
    sender.deliver(endpoint)
    assert sender.find(endpoint).gone
    with receiving() as elsewhere:
        with transaction(sender.engine) as connection:
            endpoints.change(connection, endpoint.endpoint_id, elsewhere.url, None, private=True)
        assert not sender.find(endpoint).gone
        sender.deliver(endpoint)
        assert elsewhere.sequences() == {"1": [2], "2": [1]}
        elsewhere.verify(endpoint.secret)


def test_one_that_moves_while_a_message_is_under_way_hears_it_again(
    sender: Sender, receiver: Receiver, endpoint: Secret
) -> None:
    """Whoever sends just now has lost the right to move the endpoint on."""
    with receiving() as elsewhere:

        def moves(_event: object) -> int:
            with transaction(sender.engine) as connection:
                endpoints.change(connection, endpoint.endpoint_id, elsewhere.url, None, private=True)
            return 204

        receiver.answer = moves
        sender.happens("1", 1)
        sender.turn(endpoint)
        sender.deliver(endpoint)
        assert (receiver.sequences(), elsewhere.sequences()) == ({"1": [1]}, {"1": [1]})


def test_other_topics_are_for_what_is_still_to_come(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    sender.happens("1", 1)
    sender.deliver(endpoint)
    with transaction(sender.engine) as connection:
        endpoints.change(connection, endpoint.endpoint_id, None, ["payment.*"])
    sender.happens("1", 2)
    sender.happens("1-1", 1, topic="payment.created")
    sender.deliver(endpoint)
    assert receiver.sequences() == {"1": [1], "1-1": [1]}


@pytest.mark.parametrize(("url", "topics"), [("http://93.184.215.14/", None), (None, ["odd"]), (None, [])])
def test_a_change_that_may_not_be_changes_nothing(
    sender: Sender, endpoint: Secret, url: str | None, topics: list[str] | None
) -> None:
    before = sender.find(endpoint)
    with pytest.raises(Invalid), transaction(sender.engine) as connection:
        endpoints.change(connection, endpoint.endpoint_id, url, topics)
    assert sender.find(endpoint) == before


def test_one_that_is_removed_hears_nothing_more(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    sender.happens("1", 1)
    with transaction(sender.engine) as connection:
        endpoints.remove(connection, endpoint.endpoint_id)
    assert sender.turn(endpoint) == 0
    assert receiver.got == []
    with pytest.raises(NotFound), transaction(sender.engine) as connection:
        endpoints.remove(connection, endpoint.endpoint_id)


def test_a_test_message_is_no_event_and_passes_what_waits(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    sender.happens("1", 1)
    assert history.test(sender.engine, endpoint.endpoint_id).is_taken
    [got] = receiver.got
    assert (got.event["type"], got.id.startswith("test-")) == ("checkout.webhook.test", True)
    receiver.verify(endpoint.secret)


def test_who_falls_far_behind_is_told_of_before_the_log_drops_it(sender: Sender, receiver: Receiver) -> None:
    away = sender.add(f"http://127.0.0.1:{ports.free()}/")
    refuses = sender.add(receiver.url)
    receiver.answer = lambda _event: 500
    sender.happens("1", 1)
    for endpoint in (away, refuses):
        sender.deliver(endpoint)
    with transaction(sender.engine) as connection:
        assert watch.look(connection) == 0
        connection.execute(sql("UPDATE events SET at = at - interval '26 days'"))
        connection.execute(sql("UPDATE webhook_subjects SET event_at = event_at - interval '26 days'"))
        assert watch.look(connection) == 2
        told = stuck.find(connection, "webhook_falls_behind")
        assert {matter.subject for matter in told} == {f"webhook {one.endpoint_id}" for one in (away, refuses)}
        connection.execute(sql("DELETE FROM webhook_subjects"))
        assert watch.look(connection) == 1
        assert [one.subject for one in stuck.find(connection, "webhook_falls_behind")] == [
            f"webhook {away.endpoint_id}"
        ]
