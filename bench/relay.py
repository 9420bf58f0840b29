"""A network between us and PostgreSQL: a process of its own, that hands on what comes after half a round trip."""

from __future__ import annotations

import asyncio
import multiprocessing
import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ctypes import c_double
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

HOST = "127.0.0.1"
_START_SECONDS = 30.0


class Relay:
    """`port` leads to the server; `away` says how many seconds a round trip there takes from now on."""

    def __init__(self, port: int, seconds: Synchronized[float]) -> None:
        self.port = port
        self._seconds = seconds

    def away(self, seconds: float) -> None:
        self._seconds.value = seconds


class _End(asyncio.Protocol):
    """One end of a connection; what it hears is written to the other end, in its order, a while later."""

    def __init__(self, seconds: Synchronized[float], other: _End | None = None) -> None:
        self._seconds = seconds
        self._other = other
        self._transport: asyncio.Transport | None = None
        self._due = 0.0
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # Connections have no other.

    def joined(self, other: _End) -> None:
        self._other = other
        early, self._early = self._early, []
        for data in early:
            self.data_received(data)

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
            return
        loop = asyncio.get_running_loop()
        self._due = max(self._due, loop.time() + self._seconds.value / 2)
        loop.call_at(self._due, self._other.write, data)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        if self._other is not None and self._other._transport is not None:
            self._other._transport.close()


async def _serve(path: str, listener: socket.socket, seconds: Synchronized[float]) -> None:
    loop = asyncio.get_running_loop()
    opening: set[asyncio.Task[None]] = set()

    async def join(near: _End) -> None:
        with suppress(OSError):
            _, far = await loop.create_unix_connection(lambda: _End(seconds, near), path)
            near.joined(far)
            return
        if near._transport is not None:
            near._transport.abort()

    def accepted() -> _End:
        near = _End(seconds)
        task = loop.create_task(join(near))
        opening.add(task)
        task.add_done_callback(opening.discard)
        return near

    server = await loop.create_server(accepted, sock=listener)
    await server.serve_forever()


def _run(path: str, listener: socket.socket, seconds: Synchronized[float]) -> None:
    """Both uvloop and epoll know no less than a whole millisecond; select(2) does."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(_serve(path, listener, seconds))


@contextmanager
def relaying(directory: Path) -> Iterator[Relay]:
    """A relay to the PostgreSQL whose socket lies in that directory."""
    spawn = multiprocessing.get_context("spawn")
    seconds = spawn.Value(c_double, 0.0, lock=False)
    with socket.create_server((HOST, 0), backlog=512) as listener:
        path = str(directory / ".s.PGSQL.5432")
        process = spawn.Process(target=_run, args=(path, listener, seconds), daemon=True)
        process.start()
        try:
            yield Relay(listener.getsockname()[1], seconds)  # type: ignore[arg-type] # A raw value is as good here.
        finally:
            process.kill()
            process.join(_START_SECONDS)
