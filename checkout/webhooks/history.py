"""What was sent to an endpoint and what it answered; kept as long as the log."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import NamedTuple

import msgspec

from checkout import clock
from checkout.db import Connection, Engine, reading, sql
from checkout.webhooks import endpoints
from checkout.webhooks.posting import Answer, NotAllowed, Postman


class Delivery(NamedTuple):
    """One try."""

    at: datetime
    event_id: int
    topic: str
    subject: str
    taken: bool
    answer: str


_NEWEST = sql("""
    SELECT at, event_id, topic, subject, taken, answer FROM webhook_deliveries
    WHERE endpoint_id = :id ORDER BY at DESC, event_id DESC LIMIT :limit
""")


def newest(connection: Connection, endpoint_id: int, limit: int) -> list[Delivery]:
    return [Delivery(*row) for row in connection.execute(_NEWEST, {"id": endpoint_id, "limit": limit})]


def test(engine: Engine, endpoint_id: int) -> Answer:
    """Sends a message that is no event, past everything that waits. Raises NotFound."""
    with reading(engine) as connection:
        endpoint, signed_with = endpoints.find(connection, endpoint_id), endpoints.secrets_of(connection, endpoint_id)
        now = connection.execute(sql("SELECT now()")).scalar_one()
    message_id = f"test-{secrets.token_hex(8)}"
    body = {
        "specversion": "1.0",
        "id": message_id,
        "source": "/checkout",
        "type": "checkout.webhook.test",
        "subject": str(endpoint_id),
        "time": clock.rfc3339(now),
        "datacontenttype": "application/json",
        "data": {"webhook_id": str(endpoint_id)},
    }
    try:
        postman = Postman(endpoint.url, signed_with, endpoint.private)
    except (NotAllowed, OSError) as error:
        return Answer(None, f"not sent: {error}")
    try:
        return postman.post(message_id, msgspec.json.encode(body))
    finally:
        postman.close()
