"""Webhooks: who hears of events by HTTP. Operators set them up; a secret is shown once."""

from __future__ import annotations

import asyncio

from falcon.asgi import Request, Response

from api import operator_answers, operator_bodies, reading
from api.operator_answers import WebhookDetail, WebhookList
from api.operator_bodies import ReplayRequest, WebhookChange, WebhookRequest
from api.runtime import Runtime
from checkout.db import Connection
from checkout.webhooks import endpoints, history, subjects

SHOWN = 50


async def add(api: Runtime, req: Request, resp: Response) -> None:
    """A new endpoint; it hears of what happens from now on."""
    await api.tokens.operator(req)
    body = await reading.json_body(req, WebhookRequest)
    after = operator_bodies.event_id(body.after)
    await asyncio.to_thread(endpoints.require_allowed, body.url, private=False)
    made = await api.transact(lambda c: endpoints.add(c, body.url, body.topics, after=after))
    resp.set_header("Location", f"/v1/webhooks/{made.endpoint_id}")
    reading.answer(resp, operator_answers.webhook_secret(made), 201)


async def page(api: Runtime, req: Request, resp: Response) -> None:
    """All of them, without their secrets."""
    await api.tokens.operator(req)
    found = await api.transact(endpoints.all_of)
    reading.answer(resp, WebhookList([operator_answers.webhook(one) for one in found]))


async def show(api: Runtime, req: Request, resp: Response, webhook_id: str) -> None:
    """One of them, with the subjects that wait and what was answered lately."""
    await api.tokens.operator(req)
    number = reading.number(webhook_id, "webhook")

    def read(connection: Connection) -> WebhookDetail:
        one = endpoints.find(connection, number)
        waiting, newest = subjects.oldest(connection, number, SHOWN), history.newest(connection, number, SHOWN)
        return operator_answers.webhook_detail(one, waiting, newest)

    reading.answer(resp, await api.transact(read))


async def change(api: Runtime, req: Request, resp: Response, webhook_id: str) -> None:
    """Another address, or other topics; it keeps its secret and its place, and what waits is tried at once."""
    await api.tokens.operator(req)
    number = reading.number(webhook_id, "webhook")
    body = await reading.json_body(req, WebhookChange)
    url, topics = body.url or None, body.topics or None
    if url is not None:
        await asyncio.to_thread(endpoints.require_allowed, url, private=False)

    def changed(connection: Connection) -> endpoints.Endpoint:
        endpoints.change(connection, number, url, topics)
        return endpoints.find(connection, number)

    reading.answer(resp, operator_answers.webhook(await api.transact(changed)))


async def test(api: Runtime, req: Request, resp: Response, webhook_id: str) -> None:
    """Sends a message that is no event, and says what was answered."""
    await api.tokens.operator(req)
    number = reading.number(webhook_id, "webhook")
    answer = await asyncio.to_thread(history.test, api.resources.engine, number)
    reading.answer(resp, operator_answers.webhook_test(answer))


async def replay(api: Runtime, req: Request, resp: Response, webhook_id: str) -> None:
    """Sends again what the log has after that event, or at once what waits."""
    await api.tokens.operator(req)
    number = reading.number(webhook_id, "webhook")
    body = await reading.json_body(req, ReplayRequest)

    def again(connection: Connection) -> endpoints.Endpoint:
        endpoints.replay(connection, number, operator_bodies.event_id(body.after))
        return endpoints.find(connection, number)

    reading.answer(resp, operator_answers.webhook(await api.transact(again)))


async def rotate(api: Runtime, req: Request, resp: Response, webhook_id: str) -> None:
    """A new secret; the one before signs for another day."""
    await api.tokens.operator(req)
    number = reading.number(webhook_id, "webhook")
    made = await api.transact(lambda connection: endpoints.rotate(connection, number))
    reading.answer(resp, operator_answers.webhook_secret(made))


async def remove(api: Runtime, req: Request, resp: Response, webhook_id: str) -> None:
    """Nothing more is sent there."""
    await api.tokens.operator(req)
    number = reading.number(webhook_id, "webhook")
    await api.transact(lambda connection: endpoints.remove(connection, number))
    resp.status = 204
