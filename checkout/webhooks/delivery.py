"""One endpoint's turn: what the log has beyond its place, in order for each subject, many subjects at once.

The place moves by the fence, whatever the broker does. A turn holds the endpoint's lease; who dies meanwhile leaves
events that are sent again, with the same id. What is not taken sets its subject aside; where nobody is there at all the
endpoint waits as a whole, and its place stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import uuid4

from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.columns import Columns
from checkout.db import Connection, Engine, command, sql, transaction
from checkout.events import log
from checkout.events.fence import Fence
from checkout.events.log import Logged
from checkout.webhooks import endpoints, subjects
from checkout.webhooks.sending import Post, send
from checkout.webhooks.subjects import Key, Subject

# Longer than a slow name server, a round, and the last posts that it began.
LEASE_SECONDS = 90
# So many of the subjects that were set aside go before what is new: a backlog would else keep them from it.
ASIDE_FIRST = 2
EVENTS_AT_ONCE = 200
AWAY_SECONDS = (1, 5, 15, 60, 300, 900, 1800, 3600)
# So many in a row without an answer, and nobody is there.
MOST_UNANSWERED = 3
# Who was away hears one event; after so many tries others, too, for it may be that event to which nobody answers.
ALONE_TRIES = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 1.0


class Held(NamedTuple):
    """An endpoint under lease."""

    id: int
    url: str
    topics: list[str]
    private: bool
    reached: int
    failures: int

    @property
    def is_tried_alone(self) -> bool:
        """Who was away hears one event first, not a batch that he may not be there for."""
        return 0 < self.failures < ALONE_TRIES

    @property
    def patience(self) -> int:
        """How many go unanswered until nobody is there: ever more, for it may be just these."""
        return int(min(EVENTS_AT_ONCE, MOST_UNANSWERED << max(0, self.failures - ALONE_TRIES)))


_LEASE = sql("""
    UPDATE webhook_endpoints SET holder = CAST(:holder AS uuid), leased_until = now() + make_interval(secs => :seconds)
    WHERE id = :id AND (holder = CAST(:holder AS uuid) OR leased_until < now())
        AND NOT gone AND (next_try_at IS NULL OR next_try_at <= now())
    RETURNING id, url, topics, private, reached, failures
""")
_IS_HELD = sql("""
    SELECT EXISTS (SELECT FROM webhook_endpoints WHERE id = :id AND holder = CAST(:holder AS uuid))
""")
_RELEASE = sql("""
    UPDATE webhook_endpoints SET leased_until = '-infinity', holder = NULL
    WHERE id = :id AND holder = CAST(:holder AS uuid)
""")
_ADVANCE = sql("""
    UPDATE webhook_endpoints SET reached = :reached, failures = :failures, gone = :gone,
        next_try_at = now() + make_interval(secs => :pause),
        last_at = CASE WHEN CAST(:answer AS text) IS NULL THEN last_at ELSE now() END,
        last_answer = COALESCE(:answer, last_answer)
    WHERE id = :id AND holder = CAST(:holder AS uuid) RETURNING id
""")
_DELIVERY = Columns(event_id="bigint", topic="text", subject="text", taken="bool", answer="text")
_NOTE = command(f"""
    INSERT INTO webhook_deliveries (endpoint_id, {_DELIVERY.names}) SELECT :id, * FROM {_DELIVERY.rows}
""")  # noqa: S608 - the names are ours, the values are bound
# Which endpoints have something to send, or may have: those that have not reached the last id drawn.
_WAITING = sql("""
    SELECT id FROM webhook_endpoints e
    WHERE NOT gone AND leased_until < now() AND (next_try_at IS NULL OR next_try_at <= now()) AND (
        reached < (SELECT last_value FROM events_id_seq)
        OR EXISTS (SELECT FROM webhook_subjects s WHERE s.endpoint_id = e.id AND s.next_try_at <= now()))
    ORDER BY id
""")


def waiting(connection: Connection) -> list[int]:
    """The endpoints whose turn it is."""
    return list(connection.execute(_WAITING).scalars())


def run(engine: Engine, endpoint_id: int, seconds: float, stop: Callable[[], bool] = lambda: False) -> int:
    """Sends for that long, until nothing is left, or until `stop`; returns how many events were taken.

    Returns 0 at once when somebody else delivers to this endpoint, or when it is not its turn.
    """
    holder, fence, taken = str(uuid4()), Fence(), 0
    end, pause = time.monotonic() + seconds, FIRST_PAUSE
    try:
        while time.monotonic() < end and not stop():
            held = _lease(engine, endpoint_id, holder)
            if held is None:
                break
            count = _round(engine, fence, held, holder)
            if count is None and not fence.is_beyond(held.reached):
                break
            # What is written all the time is never quiet: the fence of before comes true, a new one would not.
            pause = min(2 * pause, LONGEST_PAUSE) if count is None else FIRST_PAUSE
            if count is None:
                time.sleep(pause)
            taken += count or 0
    finally:
        with transaction(engine) as connection:
            connection.execute(_RELEASE, {"id": endpoint_id, "holder": holder})
    return taken


def _lease(engine: Engine, endpoint_id: int, holder: str) -> Held | None:
    with transaction(engine) as connection:
        values = {"id": endpoint_id, "holder": holder, "seconds": LEASE_SECONDS}
        row = connection.execute(_LEASE, values).one_or_none()
    return Held(*row) if row else None


def _round(engine: Engine, fence: Fence, held: Held, holder: str) -> int | None:
    """How many events were taken; None: there was nothing to send, and nothing to pass by."""
    with engine.connect() as connection:
        final = fence.beyond(connection, held.reached)
        batch, reached = _batch(connection, held, final)
        fresh = _new(connection, held, batch)
        aside = _set_aside(connection, held, reached, 1 - len(fresh) if held.is_tried_alone else None)
        secrets = endpoints.secrets_of(connection, held.id)
        # A replay between these looks may have let subjects go that the first events of this batch are behind.
        is_held = connection.execute(_IS_HELD, {"id": held.id, "holder": holder}).scalar_one()
    first = 0 if held.failures else ASIDE_FIRST
    posts = [*aside[:first], *fresh, *aside[first:]]
    if not is_held or (final is None and not posts):
        return None
    send(held.url, secrets, held.private, posts, held.patience)
    with transaction(engine) as connection:
        _save(connection, held, holder, posts, reached)
    return sum(len(post.taken) for post in posts)


def _batch(connection: Connection, held: Held, final: int | None) -> tuple[Sequence[Logged], int]:
    """What the log has next, and how far the place may move with it."""
    if final is None:
        return (), held.reached
    batch = log.between(connection, held.reached, final, EVENTS_AT_ONCE)
    wanted = (place for place, event in enumerate(batch, 1) if endpoints.wants(held.topics, event.topic))
    if held.is_tried_alone and (first := next(wanted, None)):
        batch = batch[:first]
        return batch, batch[-1].id
    return batch, batch[-1].id if len(batch) == EVENTS_AT_ONCE else final


def _set_aside(connection: Connection, held: Held, reached: int, most: int | None) -> list[Post]:
    """What waits of the subjects whose turn it is; what the batch has of them comes along, for the batch leaves it."""
    posts = []
    for one in subjects.due(connection, held.id)[:most]:
        found = subjects.events(connection, one, reached)
        wanted = [event for event in found if endpoints.wants(held.topics, event.topic)]
        posts.append(Post(wanted, one, found[-1] if len(found) == subjects.EVENTS_AT_ONCE else None))
    return posts


def _new(connection: Connection, held: Held, batch: Sequence[Logged]) -> list[Post]:
    wanted = [event for event in batch if endpoints.wants(held.topics, event.topic)]
    aside = subjects.among(connection, held.id, map(subjects.key, wanted)) if wanted else set[Key]()
    by_subject: dict[Key, list[Logged]] = {}
    for event in wanted:
        if subjects.key(event) not in aside:
            by_subject.setdefault(subjects.key(event), []).append(event)
    return [Post(events) for events in by_subject.values()]


def _save(connection: Connection, held: Held, holder: str, posts: Sequence[Post], reached: int) -> None:
    fresh = [post for post in posts if post.aside is None]
    failed = [post.failed[1] for post in posts if post.failed]
    is_gone = any(answer.is_gone for answer in failed)
    is_full = _is_full(connection, held, fresh)
    is_silent = _is_silent(posts, fresh)
    stays = is_gone or is_full or (is_silent and not _is_a_few(held, fresh))
    unsent = [post.events[len(post.taken)].id for post in fresh if not post.is_done or (stays and post.failed)]
    taken = [answer for post in posts for _, answer in post.taken]
    tried = [*failed, *taken]
    is_over = taken or any(post.failed for post in fresh)  # Nobody was away, or no longer.
    values = {
        "id": held.id,
        "holder": holder,
        "reached": min([reached, *(event_id - 1 for event_id in unsent)]),
        "failures": held.failures + 1 if stays or is_silent else 0 if is_over else held.failures,
        "pause": AWAY_SECONDS[min(held.failures, len(AWAY_SECONDS) - 1)] if stays or is_silent else 0,
        "gone": is_gone,
        "answer": tried[0].text if tried else None,
    }
    if connection.execute(_ADVANCE, values).one_or_none() is None:
        return  # Somebody has set the endpoint back meanwhile, or removed it.
    _note(connection, held, posts)
    if not stays:
        subjects.put(connection, held.id, [subjects.behind(*post.failed, 1) for post in fresh if post.failed])
    _save_set_aside(connection, held, [(post, post.aside) for post in posts if post.aside])
    _tell(connection, held, is_gone, is_full)
    if held.failures and taken and not stays:
        _recovered(connection, held)


def _is_silent(posts: Sequence[Post], fresh: Sequence[Post]) -> bool:
    """Whether nobody seems to be there. What was set aside before says nothing of it: it waits by itself anyhow."""
    answers = [post.failed[1] for post in fresh if post.failed]
    return bool(answers) and not any(post.taken for post in posts) and all(answer.is_away for answer in answers)


def _is_a_few(held: Held, fresh: Sequence[Post]) -> bool:
    """Whether it may be just these to which nobody answers: they were waited for, and are set aside as others are.

    There are no more of them, or they took all the time there was.
    """
    answers = [post.failed[1] for post in fresh if post.failed]
    is_cut = len(answers) < held.patience and not all(post.is_done for post in fresh)
    is_sent = all(answer.is_sent for answer in answers)
    return held.failures >= ALONE_TRIES and is_sent and (is_cut or len(fresh) < MOST_UNANSWERED)


def _is_full(connection: Connection, held: Held, fresh: Sequence[Post]) -> bool:
    failed = sum(post.failed is not None for post in fresh)
    return failed > 0 and subjects.count(connection, held.id) + failed > subjects.MOST_SUBJECTS


def _save_set_aside(connection: Connection, held: Held, posts: Sequence[tuple[Post, Subject]]) -> None:
    ended, waiting = [], []
    for post, aside in posts:
        if post.is_untouched:
            continue
        if post.failed:
            waiting.append(subjects.behind(*post.failed, 1 if post.taken else aside.tries + 1))
        elif not post.is_done:
            following = post.events[len(post.taken)]
            waiting.append(aside._replace(event_id=following.id, event_at=following.at, tries=0))
        elif post.more is not None:
            waiting.append(aside._replace(event_id=post.more.id + 1, event_at=post.more.at, tries=0))
        else:
            ended.append(aside.key)
    subjects.put(connection, held.id, waiting)
    subjects.end(connection, held.id, ended)


def _recovered(connection: Connection, held: Held) -> None:
    """It is there again: what was set aside while it was away need not wait for its own next try."""
    subjects.hasten(connection, held.id)
    alarms.settle(connection, [endpoints.subject(held.id)], ["webhook_full"])


def _note(connection: Connection, held: Held, posts: Sequence[Post]) -> None:
    tries = [one for post in posts for one in (*post.taken, *([post.failed] if post.failed else []))]
    rows = [(event.id, event.topic, event.subject, answer.is_taken, answer.text) for event, answer in tries]
    if rows:
        connection.execute(_NOTE, _DELIVERY.values(rows) | {"id": held.id})


def _tell(connection: Connection, held: Held, is_gone: bool, is_full: bool) -> None:
    subject = endpoints.subject(held.id)
    if is_gone:
        says = f"{subject} answered 410: nothing more is sent to it"
        alarms.raise_alarm(connection, Alarm("webhook_gone", subject, says))
    if is_full:
        says = f"{subject} has refused events of {subjects.MOST_SUBJECTS} subjects: it waits as a whole now"
        alarms.raise_alarm(connection, Alarm("webhook_full", subject, says))
