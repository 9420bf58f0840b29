"""Subjects that were set aside: their next event was not taken, they are tried again by themselves, others pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from checkout.columns import Columns
from checkout.db import Connection, array, command, sql
from checkout.events.log import Logged
from checkout.webhooks.posting import Answer

# Beyond it the endpoint itself is what is wrong, and nothing more is sent until it takes something again.
MOST_SUBJECTS = 1000
LADDER_SECONDS = (5, 30, 120, 600, 1800, 3600, 7200, 14400)
SUBJECTS_AT_ONCE = 16
EVENTS_AT_ONCE = 20

Key = tuple[bool, str]


class Subject(NamedTuple):
    """One of them. `event_id` is the event that was not taken, `tries` how often."""

    of_stock: bool
    subject: str
    event_id: int
    event_at: datetime
    tries: int
    answer: str
    next_try_at: datetime | None = None  # The database's clock decides.

    @property
    def key(self) -> Key:
        return self.of_stock, self.subject


def behind(event: Logged, answer: Answer, tries: int) -> Subject:
    """The event's subject, which waits for this event to be taken."""
    return Subject(*key(event), event.id, event.at, tries, answer.text)


def key(event: Logged) -> Key:
    """An order and a SKU may share an id."""
    return event.topic.startswith("stock."), event.subject


_SELECT = "SELECT of_stock, subject, event_id, event_at, tries, answer, next_try_at FROM webhook_subjects"
_DUE = sql(f"{_SELECT} WHERE endpoint_id = :id AND next_try_at <= now() ORDER BY next_try_at LIMIT :limit")
_NEXT = sql(f"{_SELECT} WHERE endpoint_id = :id ORDER BY event_id LIMIT :limit")
_AMONG = sql("""
    SELECT of_stock, subject FROM webhook_subjects
    WHERE endpoint_id = :id AND subject = ANY(CAST(:subjects AS text[]))
""")
_COUNT = sql("SELECT count(*) FROM webhook_subjects WHERE endpoint_id = :id")
# Its transactions may have begun in another order than they ended, hence the hour.
_EVENTS = sql("""
    SELECT id, at, topic, subject, sequence, data, traceparent FROM told_events
    WHERE subject = :subject AND (topic LIKE 'stock.%') = :of_stock AND id >= :first AND id <= :last
        AND at >= CAST(:since AS timestamptz) - interval '1 hour'
    ORDER BY id LIMIT :limit
""")
_ROW = Columns(
    of_stock="bool", subject="text", event_id="bigint", event_at="timestamptz", tries="smallint", answer="text"
)
_PUT = command(f"""
    INSERT INTO webhook_subjects AS s (endpoint_id, next_try_at, {_ROW.names})
    SELECT :id, now() + make_interval(secs => CASE tries WHEN 0 THEN 0
        ELSE (CAST(:ladder AS int[]))[LEAST(tries, cardinality(CAST(:ladder AS int[])))] END), {_ROW.names}
    FROM {_ROW.rows}
    ON CONFLICT (endpoint_id, of_stock, subject) DO UPDATE SET event_id = excluded.event_id,
        event_at = excluded.event_at, tries = excluded.tries, next_try_at = excluded.next_try_at,
        answer = excluded.answer
""")  # noqa: S608 - the names are ours, the values are bound
_END = command("""
    DELETE FROM webhook_subjects s
    USING unnest(CAST(:of_stock AS bool[]), CAST(:subjects AS text[])) AS e (of_stock, subject)
    WHERE endpoint_id = :id AND s.of_stock = e.of_stock AND s.subject = e.subject
""")
_HASTEN = command("UPDATE webhook_subjects SET next_try_at = now() WHERE endpoint_id = :id")


def due(connection: Connection, endpoint_id: int) -> list[Subject]:
    """Those whose turn it is, the longest waiting first."""
    return [Subject(*row) for row in connection.execute(_DUE, {"id": endpoint_id, "limit": SUBJECTS_AT_ONCE})]


def oldest(connection: Connection, endpoint_id: int, limit: int) -> list[Subject]:
    """Those that wait for longest, for a person to look at."""
    return [Subject(*row) for row in connection.execute(_NEXT, {"id": endpoint_id, "limit": limit})]


def among(connection: Connection, endpoint_id: int, keys: Iterable[Key]) -> set[Key]:
    """Which of these are set aside."""
    wanted = set(keys)
    rows = connection.execute(_AMONG, {"id": endpoint_id, "subjects": array({subject for _, subject in wanted})})
    return {(row.of_stock, row.subject) for row in rows} & wanted


def count(connection: Connection, endpoint_id: int) -> int:
    return int(connection.execute(_COUNT, {"id": endpoint_id}).scalar_one())


def events(connection: Connection, one: Subject, last: int) -> list[Logged]:
    """What waits behind it, itself the first, as far as the endpoint has come."""
    values = {"subject": one.subject, "of_stock": one.of_stock, "first": one.event_id, "last": last}
    rows = connection.execute(_EVENTS, values | {"since": one.event_at, "limit": EVENTS_AT_ONCE})
    return [Logged(*row) for row in rows]


def put(connection: Connection, endpoint_id: int, waiting: Sequence[Subject]) -> None:
    """Sets aside, or puts off; one that was not tried is due at once."""
    rows = [(*one.key, one.event_id, one.event_at.isoformat(), one.tries, one.answer) for one in waiting]
    if rows:
        connection.execute(_PUT, _ROW.values(rows) | {"id": endpoint_id, "ladder": array(LADDER_SECONDS)})


def hasten(connection: Connection, endpoint_id: int) -> None:
    """Their next tries are due now."""
    connection.execute(_HASTEN, {"id": endpoint_id})


def end(connection: Connection, endpoint_id: int, keys: Sequence[Key]) -> None:
    """Nothing waits behind these any more."""
    if keys:
        of_stock, names = zip(*keys, strict=True)
        connection.execute(_END, {"id": endpoint_id, "of_stock": array(of_stock), "subjects": array(names)})
