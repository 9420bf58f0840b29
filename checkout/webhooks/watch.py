"""Whoever falls so far behind that the log would drop what he has not heard is told of in time."""

from __future__ import annotations

from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Connection, sql
from checkout.webhooks import endpoints

# Of the 30 that the log is kept.
DAYS = 25

_OLDEST = sql("""
    SELECT e.id, LEAST(
        (SELECT at FROM events WHERE events.id > e.reached ORDER BY events.id LIMIT 1),
        (SELECT min(event_at) FROM webhook_subjects s WHERE s.endpoint_id = e.id)) AS at,
        now() - make_interval(days => :days) AS limit
    FROM webhook_endpoints e ORDER BY e.id
""")


def look(connection: Connection) -> int:
    """Raises an alarm for each endpoint that is about to lose events, settles the others'; returns how many."""
    behind = 0
    for row in connection.execute(_OLDEST, {"days": DAYS}).all():
        subject = endpoints.subject(row.id)
        if row.at is not None and row.at < row.limit:
            behind += 1
            says = f"{subject} has not taken an event of {row.at:%Y-%m-%d}: the log drops it {30 - DAYS} days later"
            alarms.raise_alarm(connection, Alarm("webhook_falls_behind", subject, says))
        else:
            alarms.settle(connection, [subject], ["webhook_falls_behind"])
    return behind
