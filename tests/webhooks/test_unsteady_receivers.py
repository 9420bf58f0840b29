"""Receivers that refuse, are away, are slow or lead elsewhere: nothing is lost, and nobody else waits."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from checkout.db import transaction
from checkout.webhooks import delivery, endpoints, posting, sending, subjects
from checkout.webhooks.endpoints import Secret
from tests.shared import ports
from tests.shared.databases import on_each_version
from tests.shared.processes import eventually
from tests.webhooks.conftest import Sender
from tests.webhooks.receiver import Receiver, receiving

pytestmark = on_each_version


def test_one_subject_that_is_refused_is_set_aside_and_the_others_pass(
    sender: Sender, receiver: Receiver, endpoint: Secret
) -> None:
    receiver.answer = lambda event: 500 if event["subject"] == "2" else 204
    for subject in "123":
        sender.happens(subject, 1, 2)
    assert sender.deliver(endpoint) == 4
    assert receiver.sequences() == {"1": [1, 2], "2": [1], "3": [1, 2]}
    sender.happens("2", 3)
    sender.happens("4", 1)
    assert sender.deliver(endpoint) == 1
    assert sender.find(endpoint).set_aside == 1
    receiver.answer = lambda _event: 200
    sender.time_passes()
    assert sender.deliver(endpoint) == 3
    assert receiver.sequences() == {"1": [1, 2], "2": [1, 2, 3], "3": [1, 2], "4": [1]}
    repeated = [one.id for one in receiver.got if (one.event["subject"], one.event["sequence"]) == ("2", 1)]
    assert len(repeated) == 2
    assert len(set(repeated)) == 1
    assert sender.find(endpoint).set_aside == 0
    receiver.verify(endpoint.secret)


def test_a_subject_is_tried_ever_more_rarely_up_to_hours(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    receiver.answer = lambda event: 500 if event["subject"] == "1" else 204
    sender.happens("1", 1)
    pauses = []
    for number in range(2, 13):
        sender.happens(str(number), 1)
        sender.deliver(endpoint)
        [(pause,)] = sender.rows("SELECT round(extract(epoch FROM next_try_at - now())) FROM webhook_subjects")
        pauses.append(int(pause))
        sender.time_passes()
    ladder = [*subjects.LADDER_SECONDS, *[subjects.LADDER_SECONDS[-1]] * 3]
    assert all(told - 10 <= pause <= told for pause, told in zip(pauses, ladder, strict=True))
    assert ladder[-1] >= 4 * 3600


def test_a_receiver_that_is_away_loses_nothing_and_is_not_asked_for_each_event(sender: Sender) -> None:
    port = ports.free()
    endpoint = sender.add(f"http://127.0.0.1:{port}/hook")
    for subject in range(40):
        sender.happens(str(subject), 1, 2)
    before = sender.find(endpoint).reached
    for _ in range(6):  # An hour of tries, ever further apart.
        assert sender.deliver(endpoint) == 0
        assert sender.turn(endpoint) == 0  # It is not its turn.
        sender.time_passes()
    waits = sender.find(endpoint)
    assert (waits.reached, waits.set_aside, waits.failures, waits.gone) == (before, 0, 6, False)
    assert len(sender.rows("SELECT FROM webhook_deliveries")) < 6 * sending.POSTS_AT_ONCE
    with receiving(port) as receiver:
        assert sender.deliver(endpoint) == 80
        assert receiver.sequences() == {str(subject): [1, 2] for subject in range(40)}
        assert len(receiver.got) == 80
        assert sender.find(endpoint).failures == 0


def test_its_pauses_grow_to_an_hour(sender: Sender) -> None:
    endpoint = sender.add(f"http://127.0.0.1:{ports.free()}/hook")
    sender.happens("1", 1)
    pauses = []
    for _ in range(9):
        sender.deliver(endpoint)
        [(pause,)] = sender.rows("SELECT round(extract(epoch FROM next_try_at - now())) FROM webhook_endpoints")
        pauses.append(int(pause))
        sender.time_passes()
    ladder = [*delivery.AWAY_SECONDS, delivery.AWAY_SECONDS[-1]]
    assert all(told - 10 <= pause <= told for pause, told in zip(pauses, ladder, strict=True))
    assert ladder[-1] == 3600


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_who_can_take_nothing_now_is_taken_for_away(
    sender: Sender, receiver: Receiver, endpoint: Secret, status: int
) -> None:
    receiver.answer = lambda _event: status
    sender.happens("1", 1)
    sender.happens("2", 1)
    assert sender.deliver(endpoint) == 0
    assert (sender.find(endpoint).set_aside, sender.find(endpoint).failures) == (0, 1)
    receiver.answer = lambda _event: 200
    sender.time_passes()
    assert sender.deliver(endpoint) == 2


def test_who_was_away_hears_one_event_first(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    for subject in range(30):
        sender.happens(str(subject), 1)
    receiver.answer = lambda _event: 503
    sender.deliver(endpoint)
    receiver.got.clear()
    sender.time_passes()
    assert sender.deliver(endpoint) == 0
    assert len(receiver.got) == 1


def test_a_probe_is_one_event_that_is_wanted_and_passes_the_others(sender: Sender, receiver: Receiver) -> None:
    endpoint = sender.add(receiver.url, "payment.*")
    sender.happens("1", 1, topic="payment.created")
    for subject in range(2, 60):
        sender.happens(str(subject), 1)
    sender.happens("60", 1, topic="payment.created")
    receiver.answer = lambda _event: 503
    sender.deliver(endpoint)
    sender.time_passes()
    receiver.answer = lambda event: 204 if event["subject"] == "1" else 503
    assert sender.deliver(endpoint) == 1
    sender.time_passes()
    receiver.answer = lambda _event: 204
    assert sender.turn(endpoint) == 1
    assert receiver.sequences() == {"1": [1], "60": [1]}


@pytest.mark.parametrize("words", [b"\0\0", "不好".encode("utf-16"), b"\x1f\x8b\x08\0\0gzip", b"\x1b[2J\r\n"])
def test_whatever_a_receiver_writes_is_kept_as_words(
    sender: Sender, receiver: Receiver, endpoint: Secret, words: bytes
) -> None:
    receiver.words, receiver.answer = words, lambda _event: 200
    sender.happens("1", 1)
    assert sender.deliver(endpoint) == 1
    answer = str(sender.find(endpoint).last_answer)
    assert answer.startswith("200")
    assert answer.isprintable()


def test_a_redirect_is_not_followed(sender: Sender, receiver: Receiver, endpoint: Secret) -> None:
    with receiving() as elsewhere:
        receiver.answer = lambda _event: 302
        receiver.headers = {"Location": elsewhere.url}
        sender.happens("1", 1)
        assert sender.deliver(endpoint) == 0
        assert (len(receiver.got), len(elsewhere.got)) == (1, 0)
    assert sender.find(endpoint).last_answer == "302"
    assert sender.find(endpoint).set_aside == 1


def test_who_wants_nothing_more_gets_nothing_until_a_person_says_so(
    sender: Sender, receiver: Receiver, endpoint: Secret
) -> None:
    receiver.answer = lambda _event: 410
    sender.happens("1", 1)
    sender.deliver(endpoint)
    sender.happens("1", 2)
    sender.time_passes()
    sender.deliver(endpoint)
    assert len(receiver.got) == 1
    assert [row.kind for row in sender.rows("SELECT kind FROM alarms WHERE resolved_at IS NULL")] == ["webhook_gone"]
    receiver.answer = lambda _event: 204
    with transaction(sender.engine) as connection:
        endpoints.replay(connection, endpoint.endpoint_id)
    assert sender.deliver(endpoint) == 2
    assert receiver.sequences() == {"1": [1, 2]}
    assert sender.rows("SELECT kind FROM alarms WHERE resolved_at IS NULL") == []


def test_a_slow_receiver_is_left_after_its_time_and_delays_no_other(
    sender: Sender, endpoint: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "POST_SECONDS", 1.0)
    answered = threading.Event()

    def slowly(_event: dict[str, Any]) -> int:
        answered.wait(100)
        return 204

    with receiving() as slow:
        slow.answer = slowly
        waiting = sender.add(slow.url)
        sender.happens("1", 1)
        running = threading.Thread(target=sender.deliver, args=(waiting,))
        running.start()
        eventually(lambda: len(slow.got) == 1, "the slow one has its event")
        assert sender.deliver(endpoint) == 1  # Meanwhile.
        running.join(100)
        assert sender.find(waiting).last_answer == "nobody answered: TimeoutError"
        answered.set()
        slow.answer = lambda _event: 204
        sender.time_passes()
        assert sender.deliver(waiting) == 1
        assert len(set(slow.ids())) == 1


def test_who_answers_drop_by_drop_is_left_after_its_time(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and the answer never."""
    monkeypatch.setattr(posting, "POST_SECONDS", 1.0)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            opened, _ = listener.accept()
            with opened:
                try:
                    while not over.wait(0.05):
                        opened.sendall(b"H")
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        endpoint = sender.add(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        sender.happens("1", 1)
        assert sender.deliver(endpoint) == 0
        over.set()
    assert str(sender.find(endpoint).last_answer).startswith("nobody answered")


def test_too_many_refused_subjects_stop_the_endpoint_and_nothing_is_lost(
    sender: Sender, receiver: Receiver, endpoint: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subjects, "MOST_SUBJECTS", 5)
    receiver.answer = lambda _event: 500
    for subject in range(12):
        sender.happens(str(subject), 1)
    sender.deliver(endpoint)
    stopped = sender.find(endpoint)
    assert stopped.set_aside <= 5
    assert stopped.failures == 1
    assert [row.kind for row in sender.rows("SELECT kind FROM alarms WHERE resolved_at IS NULL")] == ["webhook_full"]
    receiver.answer = lambda _event: 204
    for _ in range(3):
        sender.time_passes()
        sender.deliver(endpoint)
    assert sender.rows("SELECT FROM alarms WHERE resolved_at IS NULL") == []
    assert receiver.sequences() == {str(subject): [1] for subject in range(12)}


def test_who_takes_his_time_gets_everything_in_several_rounds(
    sender: Sender, receiver: Receiver, endpoint: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round ends before all of its events were sent: its place moves as far as they were."""
    monkeypatch.setattr(sending, "ROUND_SECONDS", 0.05)
    monkeypatch.setattr(sending, "POSTS_AT_ONCE", 2)
    receiver.answer = lambda _event: [threading.Event().wait(0.03), 204][1]
    for subject in range(6):
        sender.happens(str(subject), 1, 2, 3)
    assert sender.deliver(endpoint) >= 18
    assert receiver.sequences() == {str(subject): [1, 2, 3] for subject in range(6)}
