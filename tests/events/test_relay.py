"""The relay: everything is published, per subject in order, by one relay at a time; repeats may come."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence

import pytest

from checkout.db import Engine, sql, transaction
from checkout.events import fence, log
from checkout.events.log import Logged
from checkout.events.relay import Relay
from tests.shared.databases import on_each_way
from tests.shared.factories import an_event, rows
from tests.shared.processes import eventually
from tests.shared.relaying import LONGEST_SECONDS
from tests.shared.threads import at_once

pytestmark = on_each_way

MOST_SCENES = 20


def write(engine: Engine, subject: str, sequence: int) -> None:
    with transaction(engine) as connection:
        log.append(connection, [an_event(subject, sequence)])


def logged(engine: Engine) -> list[int]:
    return sorted(event.id for event in rows(engine, "events"))


class Published:
    """What was sent, in order."""

    def __init__(self) -> None:
        self.events: list[Logged] = []

    def __call__(self, batch: Sequence[Logged]) -> None:
        self.events += batch

    @property
    def ids(self) -> list[int]:
        return [event.id for event in self.events]


def drain(engine: Engine, publish: Published, after: int = 0) -> None:
    """Runs a relay until everything after that event was sent."""
    wanted = {event_id for event_id in logged(engine) if event_id > after}
    Relay(engine, publish).run(LONGEST_SECONDS, stop=lambda: wanted <= set(publish.ids))
    assert wanted <= set(publish.ids)


def test_everything_is_published_once_and_in_order(engine: Engine) -> None:
    for sequence in range(1, 31):
        write(engine, str(sequence % 3), sequence)
    published = Published()
    drain(engine, published)
    assert published.ids == logged(engine)


def test_more_than_one_batch_is_published_in_order(engine: Engine) -> None:
    with transaction(engine) as connection:
        log.append(connection, [an_event("1", n) for n in range(1, 1202)])
    published = Published()
    drain(engine, published)
    assert [event.sequence for event in published.events] == list(range(1, 1202))


def test_a_next_relay_goes_on_where_the_last_one_stopped(engine: Engine) -> None:
    write(engine, "1", 1)
    drain(engine, Published())
    write(engine, "1", 2)
    published = Published()
    drain(engine, published, after=logged(engine)[0])
    assert [event.sequence for event in published.events] == [2]


def lost_of_a_slow_writer(engine: Engine, number: int, *, overtaken: bool) -> set[int]:
    """A transaction draws an id, a relay looks, and only then the transaction commits, overtaken by another or not.

    Returns the ids of what is in the log and was not sent at the end.
    """
    published = Published()
    own = Relay(engine, published)
    assert own._lease()  # What it writes for that must not be what saves it.
    before = set(logged(engine))
    with transaction(engine) as slow:
        log.append(slow, [an_event("slow", number)])
        slow.execute(sql("SELECT"))  # Takes the event along to the server.
        if overtaken:
            write(engine, "fast", number)
        own.run_once()
        own.run_once()
    write(engine, "last", number)
    while max(logged(engine)) not in published.ids:
        own.run_once()
    own._release()
    return set(logged(engine)) - before - set(published.ids)


@pytest.mark.parametrize("overtaken", [True, False])
def test_a_slow_transaction_is_not_passed_by(engine: Engine, overtaken: bool) -> None:
    for number in range(1, MOST_SCENES):
        assert lost_of_a_slow_writer(engine, number, overtaken=overtaken) == set()


@pytest.mark.parametrize(
    ("name", "careless", "overtaken"),
    [
        ("_OLDEST_XID", "SELECT 9223372036854775807", True),
        ("_NEXT_XID", "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", False),
    ],
)
def test_with_a_careless_fence_the_slow_transactions_event_would_be_lost(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, name: str, careless: str, overtaken: bool
) -> None:
    """The negative control: a relay that trusts the ids it sees goes past the slow one for ever."""
    monkeypatch.setattr(fence, name, sql(careless))
    # Whoever commits meanwhile, be it the server's own housekeeping, may save the slow one; not each time.
    assert any(lost_of_a_slow_writer(engine, number, overtaken=overtaken) for number in range(1, MOST_SCENES))


def test_nothing_is_lost_or_reordered_while_many_write(engine: Engine) -> None:
    published = Published()
    done = threading.Event()

    def writer(subject: int) -> None:
        for sequence in range(1, 40):
            with transaction(engine) as connection:
                log.append(connection, [an_event(str(subject), sequence)])
                if sequence % 13 == subject:
                    connection.execute(sql("SELECT pg_sleep(0.03)"))

    running = threading.Thread(target=lambda: Relay(engine, published).run(2 * LONGEST_SECONDS, stop=done.is_set))
    running.start()
    at_once(writer, range(6))
    eventually(lambda: len(set(published.ids)) == 6 * 39, "all are sent")
    done.set()
    running.join(LONGEST_SECONDS)
    assert published.ids == logged(engine)
    per_subject: dict[str, list[int]] = defaultdict(list)
    for event in published.events:
        per_subject[event.subject].append(event.sequence)
    assert all(sequences == list(range(1, 40)) for sequences in per_subject.values())


def test_two_relays_at_once_publish_as_one(engine: Engine) -> None:
    for sequence in range(1, 51):
        write(engine, "1", sequence)
    published = Published()
    refused: list[int] = []

    def compete(number: int) -> bool:
        def is_over() -> bool:
            return len(refused) == 2 and set(published.ids) == set(logged(engine))

        got_the_lease = Relay(engine, published).run(LONGEST_SECONDS, stop=is_over)
        if not got_the_lease:
            refused.append(number)
        return got_the_lease

    assert sorted(at_once(compete, range(3))) == [False, False, True]
    assert published.ids == logged(engine)


def test_a_lease_that_ran_out_is_taken_over(engine: Engine) -> None:
    write(engine, "1", 1)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE relay SET holder = gen_random_uuid(), leased_until = now() + interval '1 hour'"))
    assert not Relay(engine, Published()).run(0.2)
    with transaction(engine) as connection:
        connection.execute(sql("UPDATE relay SET leased_until = now() - interval '1 second'"))
    published = Published()
    drain(engine, published)
    assert published.ids == logged(engine)


class Killed(BaseException):
    """What no handler catches."""


def test_a_relay_killed_between_publish_and_advance_only_repeats(engine: Engine) -> None:
    for sequence in range(1, 4):
        write(engine, "1", sequence)
    published = Published()

    def publish_and_die(batch: Sequence[Logged]) -> None:
        published(batch)
        raise Killed

    with pytest.raises(Killed):
        Relay(engine, publish_and_die).run(LONGEST_SECONDS)
    drain(engine, published_again := Published())
    assert published.ids == published_again.ids == logged(engine)


def test_a_relay_that_lost_its_lease_while_away_does_not_move_the_mark(engine: Engine) -> None:
    write(engine, "1", 1)

    def lose_the_lease(_: Sequence[Logged]) -> None:
        with transaction(engine) as connection:
            connection.execute(sql("UPDATE relay SET holder = gen_random_uuid(), leased_until = 'infinity'"))

    assert not Relay(engine, lose_the_lease).run(LONGEST_SECONDS)
    [mark] = rows(engine, "relay")
    assert mark.published < logged(engine)[0]
