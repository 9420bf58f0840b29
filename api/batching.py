"""Group commit: while one batch is being written, the next one gathers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from api.threads import Threads
from checkout import db

# Long beside what a small batch costs, short beside what a frontend notices.
GATHER_SECONDS = 0.008

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Hands what gathered to `write`, in a thread of its own, and each caller his answer.

    A lone item goes at once; while batches have company each gathers a little, since what a small batch costs is the
    same as what a large one does. A caller that leaves does not take its batch along. When a batch fails
    for no passing reason, its members are tried alone, so that only the guilty one's caller hears of it.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[Item]], Sequence[Answer]],
        most: int,
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        self._write = write
        self._most = most
        self._gather_seconds = gather_seconds
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._thread = Threads(1, thread_name_prefix=name)
        self._running: asyncio.Task[None] | None = None
        self._goes_at = 0.0  # not before this does the next batch go

    async def submit(self, item: Item) -> Answer:
        """The answer for the item. Raises what `write` raised."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            if len(self._waiting) < self._most and (wait := self._goes_at - loop.time()) > 0:
                await asyncio.sleep(wait)
            size = min(len(self._waiting), self._most)
            await self._answer([self._waiting.popleft() for _ in range(size)])
            self._goes_at = loop.time() + self._gather_seconds if size > 1 else 0.0

    async def _answer(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._thread, self._write, [item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - every caller of the batch gets it
            if len(batch) > 1 and not db.is_passing(error):
                for member in batch:
                    await self._answer([member])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    def close(self) -> None:
        self._thread.end()
