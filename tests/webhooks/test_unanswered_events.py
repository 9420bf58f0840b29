"""Events to which nobody ever answers hold up no others: it may be just that event at which a receiver breaks."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from checkout.db import sql, transaction
from checkout.webhooks import delivery, posting, sending
from checkout.webhooks.endpoints import Secret
from tests.shared.databases import on_each_version
from tests.webhooks.conftest import Sender
from tests.webhooks.receiver import Receiver

pytestmark = on_each_version


@pytest.mark.parametrize("poisoned", [1, 2, 3, 20])
def test_events_to_which_nobody_ever_answers_hold_up_no_other(
    sender: Sender, receiver: Receiver, endpoint: Secret, poisoned: int
) -> None:
    """A proxy before the receiver answers 502 when it breaks at what it was sent."""
    receiver.answer = lambda event: 502 if int(event["subject"]) < poisoned else 204
    for subject in range(poisoned + 3):
        sender.happens(str(subject), 1, 2)
    for _ in range(12):
        sender.deliver(endpoint)
        sender.time_passes()
    others = {str(subject): [1, 2] for subject in range(poisoned, poisoned + 3)}
    assert {subject: found for subject, found in receiver.sequences().items() if int(subject) >= poisoned} == others
    assert sender.find(endpoint).set_aside == poisoned
    # Nor do they later, when they alone are due.
    sender.happens("100", 1)
    sender.deliver(endpoint)
    assert receiver.sequences()["100"] == [1]
    receiver.answer = lambda _event: 204
    sender.time_passes()
    sender.deliver(endpoint)
    assert receiver.sequences() == {str(one): [1, 2] for one in range(poisoned + 3)} | {"100": [1]}


def test_an_event_to_which_nobody_answers_is_set_aside_when_it_is_the_only_one(
    sender: Sender, receiver: Receiver, endpoint: Secret
) -> None:
    receiver.answer = lambda event: 503 if event["subject"] == "1" else 204
    sender.happens("1", 1)
    for _ in range(delivery.ALONE_TRIES + 1):
        assert sender.find(endpoint).set_aside == 0
        sender.deliver(endpoint)
        sender.time_passes()
    assert (sender.find(endpoint).set_aside, sender.find(endpoint).failures) == (1, delivery.ALONE_TRIES + 1)
    sender.happens("2", 1)
    sender.time_passes()
    assert sender.deliver(endpoint) == 1
    assert sender.find(endpoint).failures == 0


def test_what_was_set_aside_while_a_receiver_was_away_goes_on_when_it_is_there(
    sender: Sender, receiver: Receiver, endpoint: Secret
) -> None:
    receiver.answer = lambda _event: 503
    sender.happens("1", 1)
    for _ in range(delivery.ALONE_TRIES + 1):
        sender.deliver(endpoint)
        sender.time_passes()
    sender.happens("2", 1)
    sender.deliver(endpoint)
    assert (sender.find(endpoint).set_aside, sender.find(endpoint).failures) == (2, delivery.ALONE_TRIES + 2)
    sender.happens("3", 1)
    receiver.answer = lambda _event: 204
    with transaction(sender.engine) as connection:
        connection.execute(sql("UPDATE webhook_endpoints SET next_try_at = now()"))
    assert sender.deliver(endpoint) == 3  # The first two do not wait for their own next tries.
    assert sender.find(endpoint).set_aside == 0


@pytest.mark.parametrize("hanging", [7, 8, 20])
def test_events_at_which_a_receiver_hangs_hold_up_no_other(
    sender: Sender, receiver: Receiver, endpoint: Secret, monkeypatch: pytest.MonkeyPatch, hanging: int
) -> None:
    """As many as are sent at once take all of a round's time."""
    monkeypatch.setattr(posting, "POST_SECONDS", 0.5)
    monkeypatch.setattr(sending, "ROUND_SECONDS", 0.5)
    over = threading.Event()

    def answer(event: dict[str, Any]) -> int:
        if int(event["subject"]) < hanging:
            over.wait(100)
        return 204

    receiver.answer = answer
    for subject in range(hanging + 3):
        sender.happens(str(subject), 1)
    others = {str(subject) for subject in range(hanging, hanging + 3)}
    for _ in range(30):
        sender.turn(endpoint, looks=2)
        if others <= {subject for subject in receiver.sequences() if int(subject) >= hanging}:
            break
        sender.time_passes()
    over.set()
    assert others <= receiver.sequences().keys()


def test_what_is_new_does_not_keep_what_was_set_aside_from_its_turn(
    sender: Sender, receiver: Receiver, endpoint: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backlog that takes all of every round's time."""
    receiver.answer = lambda event: 500 if event["subject"] == "aside" else 204
    sender.happens("aside", 1)
    sender.deliver(endpoint)
    receiver.answer = lambda _event: 204
    receiver.got.clear()
    monkeypatch.setattr(sending, "POSTS_AT_ONCE", 1)
    for subject in range(50):
        sender.happens(str(subject), 1)
    sender.time_passes()
    sender.deliver(endpoint)
    assert receiver.got[0].event["subject"] == "aside"
