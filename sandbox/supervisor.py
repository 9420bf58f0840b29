"""Runs a set of services: starts them in order, keeps them running, and stops them in reverse order."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

from sandbox import process
from sandbox.log import Log
from sandbox.service import Life, Service, StartError, every, first

_START_SECONDS = 120.0
_TELL_SECONDS = 2.0

Watch = Callable[[Mapping[str, Life]], Coroutine[None, None, None]]


class Supervisor:
    """The services of one stack. Nothing that they start outlives `run`."""

    def __init__(self, services: Sequence[Service], log: Callable[[str], Log], watch: Watch | None = None) -> None:
        """`log` opens the log of a service by its name; `watch` looks after the running ones."""
        self._watches = [watch] if watch else []
        self._lives = {service.name: Life(service, log(service.name)) for service in services}
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    def stop(self) -> None:
        """Begin the clean stop."""
        self._stop.set()

    def hurry(self) -> None:
        """Stop without ceremony: what must be durable is so already."""
        self._hurry.set()
        self._stop.set()

    async def run(self, announce: Callable[[], None], say: Callable[[str], None] = lambda _: None) -> None:
        """Start all, call `announce` when all are ready, and stay until stopped. Raises StartError.

        Meanwhile `say` hears now and then what is waited for.
        """
        process.adopt_orphans()
        running = [asyncio.create_task(life.live(self._needed(life))) for life in self._lives.values()]
        try:
            begun = (self._all_ready(), self._stop.wait(), _failure(running), self._tell(say))
            await first(*begun, seconds=_START_SECONDS)
            self._check(running)
            if not self._stop.is_set():
                announce()
            running += [asyncio.create_task(watch(self._lives)) for watch in self._watches]
            await first(self._stop.wait(), _failure(running))
            self._check(running)
        finally:
            for watching in running[len(self._lives) :]:
                watching.cancel()  # First of all: nobody may be killed in his clean stop.
            await asyncio.gather(*(life.stop(self._dependents(life), self._hurry) for life in self._lives.values()))
            process.end(process.children)
            for life in self._lives.values():
                life.log.close()

    async def _all_ready(self) -> None:
        await every(life.ready for life in self._lives.values())

    async def _tell(self, say: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            say(f"waiting for {', '.join(name for name, life in self._lives.items() if not life.ready.is_set())}")

    def _check(self, running: Iterable[asyncio.Task[None]]) -> None:
        for task in running:
            if task.done():
                task.result()
        late = [name for name, life in self._lives.items() if not life.ready.is_set()]
        if late and not self._stop.is_set():
            raise StartError(f"not ready after {_START_SECONDS:.0f} s: {', '.join(late)}")

    def _needed(self, life: Life) -> list[Life]:
        return [self._lives[name] for name in life.service.after if name in self._lives]

    def _dependents(self, life: Life) -> list[Life]:
        return [other for other in self._lives.values() if life.service.name in other.service.after]


async def _failure(running: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
