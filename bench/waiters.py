"""Frontends that wait for their order: what each costs the API in memory and queries, and how soon it hears."""

from __future__ import annotations

import asyncio
import resource
import time
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import uvloop

from bench import client, mixes
from bench.client import HOST, Caller
from bench.mixes import MANY
from bench.stack import Stack

CHANGES = 200
WATCH_SECONDS = 10.0
SETTLE_SECONDS = 4.0
HEAR_SECONDS = 10.0
AT_ONCE = 100


@dataclass
class Run:
    """So many waiters on the API's processes, half of them long polls, half event streams."""

    count: int
    bytes_each: float
    idle_per_second: float  # transactions of the whole stack with nobody waiting
    waiting_per_second: float
    heard: list[float]  # seconds from a change's transaction to its waiter's answer
    missed: int


class Waiter(asyncio.Protocol):
    """One frontend; a long poll that ends without news is asked again."""

    def __init__(self, ask: bytes) -> None:
        self._ask = ask
        self._transport: Any = None
        self.heard_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._ask)

    def data_received(self, data: bytes) -> None:
        if b'"status":"closed"' in data:
            self.heard_at = time.time()
        elif data.startswith(b"HTTP/1.1 304"):
            self._transport.write(self._ask)

    def close(self) -> None:
        self._transport.close()


def allow_files(count: int) -> None:
    """Raises this process's file limit, and so that of the stack that it starts, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 2000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise RuntimeError(f"{count} waiters need a file limit of {wanted}; this process may have {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def measure(stack: Stack, count: int) -> Run:
    """Has so many orders waited for, and some of them cancelled."""
    client.closed_loop(stack.port, islice(mixes.orders(stack, MANY), count), 64, 600)
    stack.settle()
    waited_for = stack.rows("SELECT id, user_id, version FROM orders ORDER BY id DESC LIMIT :count", count=count)
    time.sleep(SETTLE_SECONDS)
    idle = _transactions_per_second(stack)
    return uvloop.run(_measured(stack, waited_for, idle))


async def _measured(stack: Stack, rows: list[Any], idle: float) -> Run:
    before = _resident_bytes(stack)
    waiters = await _opened(stack, rows)
    await asyncio.sleep(SETTLE_SECONDS)
    waiting = await asyncio.to_thread(_transactions_per_second, stack)
    used = _resident_bytes(stack) - before
    heard = await _heard(stack, rows[:: max(1, len(rows) // CHANGES)][:CHANGES], waiters)
    for waiter in waiters.values():
        waiter.close()
    return Run(
        len(waiters), used / len(waiters), idle, waiting, [s for s in heard if s > 0], sum(s <= 0 for s in heard)
    )


async def _opened(stack: Stack, rows: list[Any]) -> dict[int, Waiter]:
    loop, waiters = asyncio.get_running_loop(), {}
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        opening = [loop.create_connection(partial(Waiter, _ask(stack, row)), HOST, stack.port) for row in some]
        for row, (_, waiter) in zip(some, await asyncio.gather(*opening), strict=True):
            waiters[row.id] = waiter
    return waiters


def _ask(stack: Stack, row: Any) -> bytes:
    path, token = f"/v1/orders/{row.id}", stack.token(row.user_id)
    if row.id % 2:
        return client.request("GET", f"{path}/events", token, headers=b"Last-Event-ID: %d\r\n" % row.version)
    return client.request("GET", path, token, headers=b'Prefer: wait=30\r\nIf-None-Match: "%d"\r\n' % row.version)


async def _heard(stack: Stack, changed: list[Any], waiters: dict[int, Waiter]) -> list[float]:
    """Seconds from the beginning of each cancelling transaction to its waiter's answer; 0: it heard nothing."""
    caller = Caller()
    await caller.open(stack.port)
    for row in changed:
        await caller.ask(client.request("POST", f"/v1/orders/{row.id}/cancel", stack.token(row.user_id)))
        await asyncio.sleep(0.02)
    caller.close()
    deadline = time.monotonic() + HEAR_SECONDS
    while time.monotonic() < deadline and not all(waiters[row.id].heard_at for row in changed):
        await asyncio.sleep(0.05)
    statement = "SELECT id, extract(epoch FROM closed_at)::float8 FROM orders WHERE id = ANY(:ids)"
    closed = dict(tuple(row) for row in stack.rows(statement, ids=[row.id for row in changed]))
    return [max(0.0, waiters[row.id].heard_at - closed[row.id]) for row in changed]


def _transactions_per_second(stack: Stack) -> float:
    statement = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    before, began = stack.one(statement), time.monotonic()
    time.sleep(WATCH_SECONDS)
    rate: float = (stack.one(statement) - before) / (time.monotonic() - began)
    return rate


def _resident_bytes(stack: Stack) -> int:
    pages = sum(
        int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) for pid in stack.running.pids("api")
    )
    return pages * resource.getpagesize()
