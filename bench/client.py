"""The load generator: raw HTTP/1.1 over kept-alive connections, cheap enough to share two cores with what it loads."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import uvloop

HOST = "127.0.0.1"
# An answer that takes longer counts as lost.
ANSWER_SECONDS = 60.0
PACE_SECONDS = 0.001


@dataclass
class Tally:
    """What came of a load: answers by status (0: the connection broke), seconds each took, and what it cost us."""

    statuses: Counter[int] = field(default_factory=Counter)
    seconds: array[float] = field(default_factory=lambda: array("d"))
    began: float = 0.0  # time.time() of the first request
    ended: float = 0.0  # … and of the last answer
    cpu_seconds: float = 0.0

    @property
    def count(self) -> int:
        return len(self.seconds)

    @property
    def per_second(self) -> float:
        return self.count / (self.ended - self.began)

    def percentile_ms(self, percent: float) -> float:
        return percentile(self.seconds, percent) * 1000


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


class Connection(asyncio.Protocol):
    """One kept-alive connection with at most one request under way."""

    def __init__(self, answered: Callable[[Connection, int, bytes], None]) -> None:
        self._answered = answered
        self._part = b""
        self._transport: asyncio.Transport | None = None
        self.since = 0.0  # when the request under way was sent, or should have been; 0: none is under way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # create_connection makes nothing else.

    def send(self, request: bytes, since: float) -> None:
        self.since = since
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._part:
            data = self._part + data
        head = data.find(b"\r\n\r\n")
        if head < 0 or len(data) < head + 4 + _length(data, head):
            self._part = data
            return
        self._part = b""
        self._answered(self, int(data[9:12]), data)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.since:
            self._answered(self, 0, b"")

    def close(self) -> None:
        self.since = 0.0
        if self._transport is not None:
            self._transport.close()


def _length(data: bytes, head: int) -> int:
    at = data.find(b"content-length: ", 0, head)
    return int(data[at + 16 : data.find(b"\r", at)]) if at > 0 else 0


async def connect(port: int, answered: Callable[[Connection, int, bytes], None]) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(answered), HOST, port)
    return connection


def closed_loop(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Tally:
    """Each connection sends its next request when it has its answer: finds the maximum."""
    return uvloop.run(_measured(_Closed(requests, seconds), port, connections, seconds))


def open_loop(port: int, requests: Iterator[bytes], connections: int, per_second: float, seconds: float) -> Tally:
    """Sends at a rate whatever comes back, and counts from when a request was due, so that queueing shows."""
    return uvloop.run(_measured(_Open(requests, per_second, seconds), port, connections, seconds))


class _Closed:
    def __init__(self, requests: Iterator[bytes], seconds: float) -> None:
        self.tally = Tally()
        self.done = asyncio.Event()
        self._requests = requests
        self._seconds = seconds
        self._until = 0.0
        self._under_way = 0

    def start(self, connections: Sequence[Connection]) -> None:
        self._until = time.perf_counter() + self._seconds
        for connection in connections:
            self._under_way += 1
            self._next(connection, time.perf_counter())

    def _next(self, connection: Connection, now: float) -> None:
        request = next(self._requests, None) if now < self._until else None
        if request is not None:
            connection.send(request, now)
            return
        connection.since = 0.0
        self._under_way -= 1
        if not self._under_way:
            self.done.set()

    def answered(self, connection: Connection, status: int, _answer: bytes) -> None:
        now = time.perf_counter()
        self.tally.statuses[status] += 1
        self.tally.seconds.append(now - connection.since)
        self._next(connection, now if status else self._until)


class _Open:
    def __init__(self, requests: Iterator[bytes], per_second: float, seconds: float) -> None:
        self.tally = Tally()
        self.done = asyncio.Event()
        self._requests = requests
        self._per_second = per_second
        self._planned = int(per_second * seconds)
        self._due = 0
        self._idle: deque[Connection] = deque()  # In turn: a server closes what sits idle.
        self._late: deque[float] = deque()

    def start(self, connections: Sequence[Connection]) -> None:
        self._idle = deque(connections)
        self._began = time.perf_counter()
        self._pace()

    def _pace(self) -> None:
        until = min(self._planned, int((time.perf_counter() - self._began) * self._per_second) + 1)
        for number in range(self._due, until):
            self._send(self._began + number / self._per_second)
        self._due = until
        if self._due < self._planned:
            asyncio.get_running_loop().call_later(PACE_SECONDS, self._pace)

    def _send(self, since: float) -> None:
        if self._idle:
            self._idle.popleft().send(next(self._requests), since)
        else:
            self._late.append(since)

    def answered(self, connection: Connection, status: int, _answer: bytes) -> None:
        self.tally.statuses[status] += 1
        self.tally.seconds.append(time.perf_counter() - connection.since)
        connection.since = 0.0
        if status:
            self._idle.append(connection)
            if self._late:
                self._send(self._late.popleft())
        if self.tally.count == self._planned:
            self.done.set()


async def _measured(load: _Closed | _Open, port: int, connections: int, seconds: float) -> Tally:
    opened = [await connect(port, load.answered) for _ in range(connections)]
    gc.collect()
    gc.freeze()
    tally, before = load.tally, _cpu_seconds()
    tally.began = time.time()
    load.start(opened)
    try:
        await asyncio.wait_for(load.done.wait(), seconds + ANSWER_SECONDS)
    finally:
        tally.ended = time.time()
        tally.cpu_seconds = _cpu_seconds() - before
        for connection in opened:
            connection.close()
    return tally


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Caller:
    """One connection, one exchange after the other."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._connection: Connection | None = None
        self.etag = b""  # of the last answer that had one

    async def open(self, port: int) -> None:
        self._connection = await connect(port, self._answered)

    def _answered(self, _connection: Connection, status: int, answer: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((status, answer))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises TimeoutError."""
        self._answer = asyncio.get_running_loop().create_future()
        if self._connection is not None:
            self._connection.send(request, time.perf_counter())
        status, answer = await asyncio.wait_for(self._answer, ANSWER_SECONDS)
        head, _, body = answer.partition(b"\r\n\r\n")
        if (at := head.lower().find(b"\netag: ")) >= 0:
            self.etag = head[at + 7 :].partition(b"\r\n")[0]
        return status, body

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def request(method: str, path: str, token: bytes = b"", body: bytes = b"", headers: bytes = b"") -> bytes:
    """The bytes of one request; `headers` are whole lines."""
    bearer = b"Authorization: Bearer %b\r\n" % token if token else b""
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b%b\r\n%b" % (
        *(method.encode(), path.encode(), HOST.encode()),
        *(bearer, headers, length, body),
    )
