"""Prints every event of orders: `python by_pika.py URL`, of RabbitMQ."""

import sys

import pika

channel = pika.BlockingConnection(pika.URLParameters(sys.argv[1])).channel()
channel.exchange_declare("checkout.events", "topic", durable=True)
channel.queue_declare("by_pika", durable=True)
channel.queue_bind("by_pika", "checkout.events", "order.#")
for method, _properties, body in channel.consume("by_pika"):
    print(body.decode(), flush=True)
    channel.basic_ack(method.delivery_tag)
