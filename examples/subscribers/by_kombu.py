"""Prints every event of orders: `python by_kombu.py URL`, of RabbitMQ or Redis."""

import sys

from kombu import Connection, Exchange, Message, Queue

bus = Connection(sys.argv[1], transport_options={"global_keyprefix": "checkout.events:"})  # Means nothing to RabbitMQ.
exchange = Exchange("checkout.events", type="topic")
queue = Queue("by_kombu", exchange, routing_key="order.#")


def show(body: str, message: Message) -> None:
    print(body, flush=True)
    message.ack()


with bus, bus.Consumer(queue, callbacks=[show], accept=["application/cloudevents+json"]):
    while True:
        bus.drain_events()
