"""The event log: written in the transaction of the change it tells of, read by the relay and by who catches up.

Ids are drawn while the writer holds the subject's row lock, and when it has a transaction id. The relay's fence
(checkout/events/relay.py) rests on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, UnsetType

from checkout import clock
from checkout.db import Connection, array, command, sql
from checkout.events.topics import TOPICS, Data

EXCHANGE = "checkout.events"
CONTENT_TYPE = "application/cloudevents+json"  # Structured mode, by which CloudEvents' own SDKs know it.


class Event(NamedTuple):
    """One thing that happened. `subject` is an order's id, or a SKU's for topics that begin with "stock."."""

    topic: str
    subject: str
    sequence: int
    data: Data


def happened(topic: str, subject: str, sequence: int, **data: Any) -> Event:
    """An event as the table of topics has it. Raises TypeError for data that the topic does not have, or lacks."""
    return Event(topic, subject, sequence, TOPICS[topic].data(**data))


Traceparent = Annotated[
    str, Meta(description="W3C's, where the order's request came with one.", min_length=55, max_length=55)
]

Type = Annotated[
    str,
    Meta(
        description="`checkout.` and the routing key.",
        extra_json_schema={"enum": [f"checkout.{topic}" for topic in TOPICS]},
    ),
]


class CloudEvent(msgspec.Struct):
    """CloudEvents 1.0, structured mode; `sequence` and `traceparent` as its extensions of these names have them."""

    specversion: Literal["1.0"]
    id: Annotated[str, Meta(description="Unique for ever, and growing.", pattern="^[0-9]+$")]
    source: Literal["/checkout"]
    type: Type
    subject: str
    time: Annotated[str, Meta(description="When it happened, UTC.", extra_json_schema={"format": "date-time"})]
    datacontenttype: Literal["application/json"]
    sequence: Annotated[int, Meta(description="Grows for each subject; a repeat has the number it had.", ge=1)]
    data: dict[str, Any]
    traceparent: Traceparent | UnsetType = UNSET


class Logged(NamedTuple):
    """An event as the log keeps it."""

    id: int
    at: datetime
    topic: str
    subject: str
    sequence: int
    data: dict[str, Any]
    traceparent: str | None = None

    def cloud_event(self) -> CloudEvent:
        """As subscribers get it."""
        return CloudEvent(
            specversion="1.0",
            id=str(self.id),
            source="/checkout",
            type=f"checkout.{self.topic}",
            subject=self.subject,
            time=clock.rfc3339(self.at),
            datacontenttype="application/json",
            sequence=self.sequence,
            data=self.data,
            traceparent=self.traceparent or UNSET,
        )


# An INSERT alone would draw the event's id before it gets its transaction id; the condition is always true.
_APPEND = command("""
    INSERT INTO events (topic, subject, sequence, data)
    SELECT topic, subject, sequence, data
    FROM ROWS FROM (
        unnest(CAST(:topics AS text[]), CAST(:subjects AS text[]), CAST(:sequences AS int[])),
        json_array_elements(CAST(:data AS json))
    ) WITH ORDINALITY AS e (topic, subject, sequence, data, place)
    WHERE pg_current_xact_id() IS NOT NULL
    ORDER BY place
""")


def append(connection: Connection, events: Sequence[Event]) -> None:
    """Writes the events in their order. The caller holds the row lock of every subject."""
    if events:
        connection.execute(
            _APPEND,
            {
                "topics": array(event.topic for event in events),
                "subjects": array(event.subject for event in events),
                "sequences": array(event.sequence for event in events),
                "data": msgspec.json.encode([event.data for event in events]).decode(),
            },
        )


_AFTER = sql("""
    SELECT id, at, topic, subject, sequence, data, traceparent FROM told_events
    WHERE id > :after AND id <= :until ORDER BY id LIMIT :limit
""")
_PUBLISHED_AFTER = sql("""
    SELECT id, at, topic, subject, sequence, data, traceparent FROM told_events
    WHERE id > :after AND id <= (SELECT published FROM relay) ORDER BY id LIMIT :limit
""")


def between(connection: Connection, after: int, until: int, limit: int) -> list[Logged]:
    """Events with after < id <= until, oldest first."""
    return [Logged(*row) for row in connection.execute(_AFTER, {"after": after, "until": until, "limit": limit})]


def published_after(connection: Connection, after: int, limit: int) -> list[Logged]:
    """What the relay has sent after that id: complete, so a reader that goes on from the last id misses nothing."""
    return [Logged(*row) for row in connection.execute(_PUBLISHED_AFTER, {"after": after, "limit": limit})]
