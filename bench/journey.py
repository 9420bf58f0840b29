"""The way of a real buyer: order, wait until placed, open the payment, Alipay's notify, wait until paid.

Closed loop: so many buyers at a time, each begins again when he has paid. Open loop: journeys begin at a rate.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import uvloop

from bench import client, mixes, notify
from bench.client import Caller
from bench.mixes import MANY
from bench.stack import Stack
from sandbox.alipay import keys
from sandbox.alipay.signing import NOTIFY_RULE, Signer, text_to_sign

STAGES = ("POST to 202", "202 to placed", "payment opened", "notify received", "received to applied", "all")
_JSON = b"Content-Type: application/json\r\n"
_APPLIED = """
    SELECT extract(epoch FROM p.paid_at - n.received_at)::float8 FROM notifies n
    JOIN payments p ON p.out_trade_no = n.out_trade_no WHERE n.received_at >= to_timestamp(:began) AND p.kept
"""


@dataclass
class Run:
    """Seconds of each stage, how many paid, and what failed, by what was answered."""

    stages: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in STAGES})
    applied: list[float] = field(default_factory=list)  # by the database's clock: received → applied
    faults: dict[str, int] = field(default_factory=dict)
    began: float = 0.0
    ended: float = 0.0
    cpu_us: dict[str, float] = field(default_factory=dict)

    @property
    def paid(self) -> int:
        return len(self.stages["all"])

    @property
    def per_second(self) -> float:
        return self.paid / (self.ended - self.began)


class Buyer:
    """One connection; one journey after the other."""

    def __init__(self, stack: Stack, signer: Signer, buyers: Iterator[int], run: Run) -> None:
        self._stack, self._signer, self._buyers, self._run = stack, signer, buyers, run
        self._caller = Caller()

    async def open(self) -> None:
        await self._caller.open(self._stack.port)

    def close(self) -> None:
        self._caller.close()

    async def go(self, since: float) -> None:
        """The whole way; `since` is when it was to begin."""
        token = self._stack.token(next(self._buyers))
        times = [since]
        status, body = await self._caller.ask(mixes.order(token, secrets.token_hex(8), MANY.draw()))
        times.append(time.perf_counter())
        order = json.loads(body)
        if status != 202:
            return self._fault(f"POST {status}")
        path = f"/v1/orders/{order['id']}"
        if not await self._until(path, token, "awaiting_payment", b"Prefer: wait=30\r\n"):
            return None
        times.append(time.perf_counter())
        status, body = await self._caller.ask(
            client.request("POST", f"{path}/payments", token, b'{"method":"page"}', _JSON)
        )
        times.append(time.perf_counter())
        if status != 201:
            return self._fault(f"payments {status}")
        payment = json.loads(body)
        _, answer = await self._caller.ask(self._notify(payment["out_trade_no"], payment["amount"]))
        times.append(time.perf_counter())
        if answer != b"success":
            return self._fault("notify refused")
        if await self._until(path, token, "awaiting_shipment", b'Prefer: wait=30\r\nIf-None-Match: "0"\r\n'):
            times.append(time.perf_counter())
            self._note(times)
        return None

    async def _until(self, path: str, token: bytes, wanted: str, headers: bytes) -> bool:
        version = b""
        for _ in range(20):
            known = headers.replace(b'"0"', version) if version else headers.replace(b'If-None-Match: "0"\r\n', b"")
            status, body = await self._caller.ask(client.request("GET", path, token, headers=known))
            if status == 200:
                if json.loads(body)["status"] == wanted:
                    return True
                version = self._caller.etag
        self._fault(f"never {wanted}")
        return False

    def _notify(self, number: str, amount: str) -> bytes:
        fen = int(amount.replace(".", ""))
        params = notify.parameters(self._signer, number, fen)
        text = text_to_sign(params, NOTIFY_RULE)
        return notify.post(params | {"sign": self._signer.sign(text.encode())})

    def _note(self, times: list[float]) -> None:
        for name, (start, end) in zip(STAGES[:-1], itertools.pairwise(times), strict=True):
            self._run.stages[name].append(end - start)
        self._run.stages["all"].append(times[-1] - times[0])

    def _fault(self, what: str) -> None:
        self._run.faults[what] = self._run.faults.get(what, 0) + 1


def closed(stack: Stack, connections: int, seconds: float) -> Run:
    """As many journeys as so many buyers at a time can make."""
    return _measured(stack, connections, seconds, 0)


def opened(stack: Stack, per_second: float, seconds: float, connections: int = 512) -> Run:
    """Journeys that begin at that rate, whatever becomes of those before."""
    return _measured(stack, connections, seconds, per_second)


def _measured(stack: Stack, connections: int, seconds: float, per_second: float) -> Run:
    signer = Signer(keys.ensure(stack.data_dir / "alipay"))
    run, everybody = Run(), mixes.users(stack)
    crowd = [Buyer(stack, signer, everybody, run) for _ in range(connections)]
    stack.checkpoint()
    before, began = stack.cpu_seconds(), time.time()
    uvloop.run(_load(run, crowd, seconds, per_second))
    stack.settle()
    run.cpu_us = stack.cpu_us_since(before, run.paid)
    run.applied = [took for (took,) in stack.rows(_APPLIED, began=began)]
    return run


async def _load(run: Run, crowd: list[Buyer], seconds: float, per_second: float) -> None:
    await asyncio.gather(*(buyer.open() for buyer in crowd))
    run.began = time.perf_counter()
    if per_second:
        turns: asyncio.Queue[float] = asyncio.Queue()
        pace = _pace(turns, run.began, per_second, seconds, len(crowd))
        await asyncio.gather(pace, *(_take_turns(buyer, turns) for buyer in crowd))
    else:
        await asyncio.gather(*(_again(buyer, run.began + seconds) for buyer in crowd))
    run.ended = time.perf_counter()
    for buyer in crowd:
        buyer.close()


async def _again(buyer: Buyer, end: float) -> None:
    while (now := time.perf_counter()) < end:
        await buyer.go(now)


async def _take_turns(buyer: Buyer, turns: asyncio.Queue[float]) -> None:
    while due := await turns.get():
        await buyer.go(due)


async def _pace(turns: asyncio.Queue[float], began: float, per_second: float, seconds: float, buyers: int) -> None:
    for number in range(int(per_second * seconds)):
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        turns.put_nowait(due)
    for _ in range(buyers):
        turns.put_nowait(0.0)  # Nobody comes any more.
