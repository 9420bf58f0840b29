"""The AsyncAPI 3 document: what is told on the exchange, by webhooks and in an order's stream."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import msgspec
from falcon.asgi import Request, Response

from api import pages
from api.answers import OrderBody
from api.pages import File
from api.runtime import Runtime
from checkout.events import bus
from checkout.events.log import CONTENT_TYPE, EXCHANGE, CloudEvent
from checkout.events.topics import TOPICS, Topic

_SCHEMAS = "#/components/schemas/"
_ABOUT = """What the checkout tells of orders, payments, refunds and stock. The same events are told on the exchange and
by webhooks. Each subject's first come in the order of their `sequence`, and any may come again: keep the highest
`sequence` of each subject and ignore what is not higher. A subject is an order, or for `stock.*` a SKU; ids of both may
be equal. Members may be added to events: ignore what you do not know. The log of 30 days has what was missed:
`GET /v1/events?after=ID`."""
_ON_RABBITMQ = """A durable topic exchange. Bind a durable queue of your own with patterns of routing keys, such as
`order.#`; it misses nothing. A message's property `message_id` is the event's `id`."""
_ON_REDIS = rf"""The same exchange where the broker is Redis, as kombu makes it of a set and lists. With kombu: connect
with the option `global_keyprefix` set to `{bus.REDIS_PREFIX}`, and bind a queue. With a plain Redis client: (1) add to
the set `{bus.REDIS_PREFIX}_kombu.binding.{EXCHANGE}` one member for each pattern: the pattern, the same as a regular
expression (words joined by `\.`, with `[^\.]+` for `*` and `.*?` for `#`, between `^` and `$`), and the queue's name,
with the bytes 06 16 (hexadecimal) between the three; (2) take from the right end of this list, best by moving each
message to a list of your own until it is dealt with; (3) read the envelope's `body`, which is Base64 of the event."""
_BY_WEBHOOK = """One POST for each event to an endpoint that the operator has added, by Standard Webhooks: verify the
signature with the endpoint's secret before you believe it. What is not answered by a 2xx comes again; 410 ends it."""
_OF_ONE_ORDER = """Server-sent events: the whole order, at first and after each change; a frame's `id` is its version,
which `Last-Event-ID` hands back. By bearer, or with the `token` that stands in the order's `events_url`."""
_HEADERS = {
    "webhook-id": "The event's `id`, the same at each try.",
    "webhook-timestamp": "When this try was made: seconds since 1970.",
    "webhook-signature": "`v1,` and the Base64 of HMAC-SHA256 over id, timestamp and body, with dots between; "
    "two of them, with a blank between, while a secret is being changed.",
}


async def show(_api: Runtime, req: Request, resp: Response) -> None:
    """What events there are, where they are told, and what they carry: AsyncAPI 3."""
    pages.give(req, resp, _file())


@cache
def _file() -> File:
    return pages.made(msgspec.json.encode(document()), "application/json")


def document() -> dict[str, Any]:
    """AsyncAPI 3, made from the table that events are written by."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Checkout's events", "version": "1", "description": _ABOUT},
        "defaultContentType": CONTENT_TYPE,
        "servers": _servers(),
        "channels": _channels(),
        "operations": {
            "publish": _sends("exchange", "amqp", deliveryMode=2),
            "push": _sends("redis"),
            "post": _sends("webhook", "http", method="POST"),
            "stream": _sends("order", "http", method="GET") | {"security": _security()},
        },
        "components": {"schemas": _schemas(), "messages": _messages()},
    }


def _servers() -> dict[str, Any]:
    places = {
        "rabbitmq": ("amqp", "127.0.0.1:5672", "RabbitMQ, where CHECKOUT_EVENTS_URL or the broker's URL is amqp(s)."),
        "redis": ("redis", "127.0.0.1:6379", "Redis or Valkey, where that URL is redis(s)."),
        "receiver": ("https", "shop.example", "An endpoint of `checkout webhooks add`."),
        "api": ("https", "127.0.0.1:8000", "This API."),
    }
    return {
        name: {
            "host": "{host}",
            "protocol": protocol,
            "description": says,
            "variables": {"host": {"default": default, "description": "Host and port, as the operator has them."}},
        }
        for name, (protocol, default, says) in places.items()
    }


def _channels() -> dict[str, Any]:
    exchange = {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False}
    binding = {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}
    routing = {"topic": {"description": "The routing key.", "enum": list(TOPICS)}}
    queue = {"queue": {"description": "A name of your own, the same for as long as you subscribe."}}
    return {
        "exchange": _channel("rabbitmq", "{topic}", _ON_RABBITMQ, *TOPICS)
        | {"parameters": routing, "bindings": {"amqp": binding}},
        "redis": _channel("redis", bus.REDIS_PREFIX + "{queue}", _ON_REDIS, "envelope") | {"parameters": queue},
        "webhook": _channel("receiver", None, _BY_WEBHOOK, "webhook"),
        "order": _channel("api", "/v1/orders/{order_id}/events", _OF_ONE_ORDER, "order")
        | {"parameters": {"order_id": {"description": "The order's id."}}},
    }


def _channel(server: str, address: str | None, says: str, *messages: str) -> dict[str, Any]:
    return {
        "address": address,
        "description": says,
        "servers": [{"$ref": f"#/servers/{server}"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _sends(channel: str, protocol: str | None = None, **binding: Any) -> dict[str, Any]:
    operation: dict[str, Any] = {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}}
    bindings = {"bindings": {protocol: binding | {"bindingVersion": "0.3.0"}}} if protocol else {}
    return operation | bindings


def _security() -> list[dict[str, Any]]:
    return [
        {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        {"type": "httpApiKey", "name": "token", "in": "query"},
    ]


def _messages() -> dict[str, Any]:
    """By routing key those of the exchange; the others carry them, or an order."""
    any_event = {"oneOf": [{"$ref": _SCHEMAS + key} for key in TOPICS]}
    signed = {name: {"type": "string", "description": says} for name, says in _HEADERS.items()}
    headers = {"type": "object", "required": list(signed), "properties": signed}
    return {
        **{key: _message(key, topic.means, {"$ref": _SCHEMAS + key}) for key, topic in TOPICS.items()},
        "envelope": _message("envelope", "An event in kombu's envelope.", _envelope()) | _JSON,
        "webhook": _message("webhook", "An event, signed.", any_event) | {"headers": headers},
        "order": _message("order", "The order as it is now.", {"$ref": _SCHEMAS + OrderBody.__name__}) | _JSON,
    }


_JSON = {"contentType": "application/json"}


def _message(name: str, summary: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "summary": summary, "contentType": CONTENT_TYPE, "payload": payload}


def _envelope() -> dict[str, Any]:
    body = {"type": "string", "contentEncoding": "base64", "contentMediaType": CONTENT_TYPE}
    encoding = {"type": "object", "required": ["body_encoding"], "properties": {"body_encoding": {"const": "base64"}}}
    members = {
        "body": body | {"description": "The event, as on any other channel."},
        "content-type": {"const": CONTENT_TYPE},
        "content-encoding": {"const": "utf-8"},
        "properties": encoding,
    }
    return {"type": "object", "required": list(members), "properties": members}


def _schemas() -> dict[str, Any]:
    """Each topic's event, its data, and the order."""
    kinds = {topic.data for topic in TOPICS.values()} | {CloudEvent, OrderBody}
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_SCHEMAS + "{name}")
    event = schemas.pop(CloudEvent.__name__)
    return schemas | {key: _event(event, topic) for key, topic in TOPICS.items()}


def _event(plain: dict[str, Any], topic: Topic) -> dict[str, Any]:
    own = {
        "type": {"const": f"checkout.{topic.key}"},
        "subject": {"type": "string", "description": f"The {topic.subject}'s id."},
        "data": {"$ref": _SCHEMAS + topic.data.__name__},
    }
    title = "".join(word.capitalize() for word in re.split("[._]", topic.key)) + "Event"
    return plain | {"title": title, "description": topic.means, "properties": plain["properties"] | own}
