"""`follow_checkout`: hears checkout's events for ever, and writes them into the shop's tables."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections
from kombu import Connection, Exchange, Message, Queue
from kombu.mixins import ConsumerMixin

from shop import checkout, events

EXCHANGE = Exchange("checkout.events", type="topic", durable=True)
QUEUE = Queue(
    "django_shop",
    bindings=[EXCHANGE.binding(pattern) for pattern in ("order.*", "stock.*")],
    exchange=EXCHANGE,
    durable=True,
)


class Follower(ConsumerMixin):
    """A durable queue; on Redis, where a killed subscriber may miss an event, the log tells what is missing."""

    def __init__(self, url: str) -> None:
        on_redis = {"global_keyprefix": "checkout.events:"} if url.startswith("redis") else {}
        self.connection = Connection(url, transport_options=on_redis)

    def get_consumers(self, consumer: Any, _channel: Any) -> list[Any]:
        return [consumer([QUEUE], on_message=self.on_message, prefetch_count=1)]

    def on_consume_ready(self, *_: Any, **__: Any) -> None:
        """The queue is there, from now on it keeps what comes; this is what came before."""
        while missed := checkout.events(events.reached()):
            for event in missed:
                events.hear(event)

    def on_message(self, message: Message) -> None:
        close_old_connections()  # One that broke is made anew.
        events.hear(json.loads(message.body or ""))
        message.ack()


class Command(BaseCommand):
    help = "Follows checkout's events until it is ended. Run one; whoever ends it starts it again."

    def handle(self, **_: Any) -> None:
        Follower(settings.CHECKOUT_EVENTS_URL).run()
