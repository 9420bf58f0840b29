"""Random lives of a webhook: whatever its receiver and its workers do, each event is taken, each subject in order.

CHECKOUT_WEBHOOKS_SEED plays a run again, CHECKOUT_WEBHOOKS_STEPS makes it longer.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter, defaultdict
from typing import Any

import pytest

from checkout.db import sql, transaction
from checkout.webhooks import delivery, subjects
from checkout.webhooks.endpoints import Secret
from tests.webhooks.conftest import Sender
from tests.webhooks.receiver import Receiver

SEED = int(os.environ.get("CHECKOUT_WEBHOOKS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
STEPS = int(os.environ.get("CHECKOUT_WEBHOOKS_STEPS", "100"))
STATUSES = (204, 204, 204, 200, 500, 400, 302, 503, 429)
SUBJECTS = "123456789"


class Killed(Exception):
    """The worker is gone, with what it was about to write down."""


class Life:
    """A shop, its two workers, and a receiver of many moods."""

    def __init__(self, sender: Sender, receiver: Receiver, endpoint: Secret, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sender, self.endpoint = sender, endpoint
        self.dice, self.lock = random.Random(SEED), threading.Lock()
        self.told: Counter[str] = Counter()
        self.taken: dict[str, list[int]] = defaultdict(list)
        self.is_unsteady = True
        receiver.answer = self._answer
        self._save = delivery._save
        monkeypatch.setattr(delivery, "_save", self._may_be_killed)

    def _answer(self, event: dict[str, Any]) -> int:
        with self.lock:
            status = self.dice.choice(STATUSES) if self.is_unsteady else 204
            if status < 300:
                self.taken[event["subject"]].append(event["sequence"])
            return status

    def _may_be_killed(self, *arguments: Any) -> None:
        self._save(*arguments)
        with self.lock:
            is_killed = self.is_unsteady and self.dice.random() < 0.1
        if is_killed:
            raise Killed

    def step(self) -> None:
        with self.lock:
            subject, count, is_late = self.dice.choice(SUBJECTS), self.dice.randrange(1, 4), self.dice.random() < 0.5
        first = self.told[subject] + 1
        self.sender.happens(subject, *range(first, first + count))
        self.told[subject] += count
        self.work()
        if is_late:
            self.sender.time_passes()

    def work(self) -> None:
        """Two workers at once, of which each may die with what it held."""
        workers = [threading.Thread(target=self._turn) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(100)

    def _turn(self) -> None:
        try:
            self.sender.turn(self.endpoint)
        except Killed:
            with transaction(self.sender.engine) as connection:
                connection.execute(sql("UPDATE webhook_endpoints SET leased_until = now()"))

    def ends_well(self) -> None:
        """The receiver takes everything from now on."""
        self.is_unsteady = False
        while self._is_behind():
            self.sender.time_passes()
            self.work()

    def _is_behind(self) -> bool:
        last = self.sender.rows("SELECT COALESCE(max(id), 0) AS id FROM events")[0].id
        one = self.sender.find(self.endpoint)
        return one.reached < last or one.set_aside > 0

    def first_deliveries(self) -> dict[str, list[int]]:
        return {subject: list(dict.fromkeys(self.taken[subject])) for subject in self.told}

    def in_order(self) -> dict[str, list[int]]:
        return {subject: list(range(1, last + 1)) for subject, last in self.told.items()}


@pytest.fixture
def life(sender: Sender, receiver: Receiver, endpoint: Secret, monkeypatch: pytest.MonkeyPatch) -> Life:
    print(f"CHECKOUT_WEBHOOKS_SEED={SEED} plays this again")  # noqa: T201 - pytest shows it when the test fails
    monkeypatch.setattr(subjects, "MOST_SUBJECTS", 4)
    monkeypatch.setattr(subjects, "EVENTS_AT_ONCE", 3)
    monkeypatch.setattr(delivery, "EVENTS_AT_ONCE", 7)
    return Life(sender, receiver, endpoint, monkeypatch)


def test_each_event_is_taken_and_each_subject_in_order(life: Life) -> None:
    for _ in range(STEPS):
        life.step()
    life.ends_well()
    assert life.first_deliveries() == life.in_order()


def test_without_setting_subjects_aside_their_order_would_be_lost(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: what comes later passes an event that was refused."""
    monkeypatch.setattr(subjects, "among", lambda *_: set())
    for _ in range(20 * STEPS):
        life.step()
        if any(found != list(range(1, len(found) + 1)) for found in life.first_deliveries().values()):
            return
    pytest.fail("nothing came out of order")
