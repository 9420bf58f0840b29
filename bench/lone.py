"""Lone orders, one after the other, as a frontend sees them that waits; and where their time goes."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass
from typing import NamedTuple

import uvloop

from bench import client, mixes
from bench.client import Caller, percentile
from bench.mixes import MANY
from bench.stack import Stack

PAUSE_SECONDS = 0.02

_BEGINNINGS = """
    SELECT id, extract(epoch FROM accepted_at)::float8 AS accepted, extract(epoch FROM placed_at)::float8 AS placed
    FROM orders WHERE id = ANY(CAST(:ids AS bigint[]))
"""


class Way(NamedTuple):
    """One order's times, as time.time(): POST sent, 202 here, seen to await payment."""

    order_id: int
    sent: float
    answered: float
    seen: float


@dataclass
class Run:
    """Seconds from POST to `awaiting_payment` of each order, and the p50 of each stage."""

    seconds: list[float]
    stages: dict[str, float]


def measure(stack: Stack, count: int) -> Run:
    """Places so many orders of two of 10,000 SKUs, each alone."""
    ways = uvloop.run(_ways(stack, count))
    rows = stack.rows(_BEGINNINGS, ids=[way.order_id for way in ways])
    begun = {row.id: (row.accepted, row.placed) for row in rows}
    stages = {
        "POST until the door's transaction begins": [begun[way.order_id][0] - way.sent for way in ways],
        "until the placing one begins: store, commit, doorbell, worker": [placed - at for at, placed in begun.values()],
        "until it is seen: place, commit, wake-up, read, answer": [way.seen - begun[way.order_id][1] for way in ways],
        "beside that, POST to its 202": [way.answered - way.sent for way in ways],
    }
    return Run([way.seen - way.sent for way in ways], {name: percentile(took, 50) for name, took in stages.items()})


async def _ways(stack: Stack, count: int) -> list[Way]:
    buyers, run, caller = mixes.users(stack), secrets.token_hex(4), Caller()
    await caller.open(stack.port)
    ways = []
    for number in range(count):
        token = stack.token(next(buyers))
        ways.append(await _follow(caller, token, mixes.order(token, f"{run}-{number}", MANY.draw())))
        await asyncio.sleep(PAUSE_SECONDS)
    caller.close()
    return ways


async def _follow(caller: Caller, token: bytes, post: bytes) -> Way:
    """Raises RuntimeError when the order does not come to await payment."""
    sent = time.time()
    status, body = await caller.ask(post)
    answered = time.time()
    order_id = int(json.loads(body).get("id", 0))
    _, body = await caller.ask(client.request("GET", f"/v1/orders/{order_id}", token, headers=b"Prefer: wait=10\r\n"))
    if status != 202 or json.loads(body)["status"] != "awaiting_payment":
        raise RuntimeError(f"a lone order answered {status}, then {body!r}")
    return Way(order_id, sent, answered, time.time())
