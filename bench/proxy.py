"""A way to a server that can be broken, silent or slow, for whoever wants to see what his client makes of it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

HOST = "127.0.0.1"
CHUNK_BYTES = 65536
LONGEST_SECONDS = 10.0


class Proxy:
    """Forwards to `port`. All it does happens in a loop of its own thread; its methods are for other threads."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._ways: set[_Way] = set()
        self._delay_seconds = 0.0
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._accept, HOST, 0), self._loop).result(
            LONGEST_SECONDS
        )
        self.port: int = self._server.sockets[0].getsockname()[1]

    def break_all(self) -> None:
        """Every connection ends, without ceremony; new ones are as good as ever."""
        self._call(lambda: _each(self._ways, _Way.abort))

    def silence(self) -> None:
        """Every connection stays open, and nothing comes or goes any more; new ones are as good as ever."""
        self._call(lambda: _each(self._ways, _Way.pause))

    def delay(self, seconds: float) -> None:
        """Whatever comes or goes takes so much longer."""
        self._delay_seconds = seconds

    def close(self) -> None:
        self._call(self._server.close)
        self.break_all()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _call(self, step: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            step()
            done.set()

        self._loop.call_soon_threadsafe(run)
        done.wait(LONGEST_SECONDS)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(HOST, self._to)
        except OSError:
            writer.transport.abort()
            return
        way = _Way(writer, there[1])
        self._ways.add(way)
        try:
            await asyncio.gather(self._pump(reader, there[1], way), self._pump(there[0], writer, way))
        finally:
            self._ways.discard(way)
            way.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: _Way) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                await way.is_open.wait()
                writer.write(chunk)
                await writer.drain()
        way.abort()


class _Way:
    """One connection with both its ends."""

    def __init__(self, *ends: asyncio.StreamWriter) -> None:
        self._ends = ends
        self.is_open = asyncio.Event()
        self.is_open.set()

    def pause(self) -> None:
        self.is_open.clear()

    def abort(self) -> None:
        self.is_open.set()
        for end in self._ends:
            end.transport.abort()


def _each(ways: set[_Way], step: Callable[[_Way], None]) -> None:
    for way in list(ways):
        step(way)


@contextlib.contextmanager
def between(port: int) -> Iterator[Proxy]:
    """A proxy to that port of this machine."""
    proxy = Proxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
