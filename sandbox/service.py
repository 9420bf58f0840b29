"""One service of the stack and its life: started, started again whenever it ends, stopped."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sandbox import process
from sandbox.log import Log

_PROBE_SECONDS = 0.05
_HURRY_SECONDS = 3.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 10.0
_STEADY_SECONDS = 30.0  # Who ran this long starts again after the first pause.
_FIRST_ATTEMPTS = 3  # Who ends this often without ever being ready makes the start fail.


class StartError(Exception):
    """A service did not become ready; the message says which, and shows the end of its log."""


@dataclass(frozen=True)
class Service:
    """One child process.

    A `step` runs once, and is ready when it has ended well; all others start again whenever they end. `ready` is asked
    from a thread, again and again, after `ready_line` was seen in the output. `prepare` comes before each start and
    says how the child changes its user. `stop_by` asks for a clean end within `stop_seconds`; `dies_by` is the signal
    when there is no time for that.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    after: tuple[str, ...] = ()
    ready: Callable[[], bool] = lambda: True
    ready_line: str = ""
    prepare: Callable[[], process.Become | None] = lambda: None
    stop_by: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    dies_by: signal.Signals = signal.SIGKILL
    step: bool = False


class Life:
    """What happens to one service, from its first start to its last end."""

    def __init__(self, service: Service, log: Log) -> None:
        """Nothing starts before `live`."""
        self.service = service
        self.log = log
        self.ready = asyncio.Event()
        self.stopping = asyncio.Event()
        self.ended = asyncio.Event()
        self.stopped = asyncio.Event()  # Those that need it have stopped too: a step ends long before.
        self._child: subprocess.Popen[bytes] | None = None
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has been running since it was started last."""
        return time.monotonic() - self._began

    def start_again(self, reason: str) -> None:
        """Kill what runs; as after any end, it starts again."""
        self.log.say(f"{reason}; it is killed")
        self._signal(signal.SIGKILL)

    async def live(self, needed: Iterable["Life"]) -> None:
        """Run once the needed ones are ready, and again after each end. Raises StartError."""
        try:
            await first(every(life.ready for life in needed), self.stopping.wait())
            pause, attempt = _FIRST_PAUSE_SECONDS, 1
            while not self.stopping.is_set():
                self._began = time.monotonic()
                end = await self._run()
                if self.stopping.is_set() or (self.service.step and self.ready.is_set()):
                    return
                self._judge(end, attempt)
                pause = _FIRST_PAUSE_SECONDS if self.seconds > _STEADY_SECONDS else pause
                self.log.say(f"{end}; it starts again in {pause:.1f} s")
                await first(self.stopping.wait(), seconds=pause * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
                pause, attempt = min(pause * 2, _LONGEST_PAUSE_SECONDS), attempt + 1
        finally:
            self.ended.set()

    async def stop(self, dependents: Iterable["Life"], hurry: asyncio.Event) -> None:
        """End the service after those that need it; the longer it takes, the less politely."""
        await first(every(life.stopped for life in dependents), hurry.wait())
        self.stopping.set()
        self._signal(self.service.stop_by)
        await first(self.ended.wait(), hurry.wait(), seconds=self.service.stop_seconds)
        self._signal(self.service.dies_by)
        await first(self.ended.wait(), seconds=_HURRY_SECONDS)
        self._signal(signal.SIGKILL)
        await self.ended.wait()
        self.stopped.set()

    def _judge(self, end: str, attempt: int) -> None:
        if not self.ready.is_set() and (self.service.step or attempt == _FIRST_ATTEMPTS):
            raise StartError(f"{self.service.name}: {end} before it was ready\n{self.log.tail()}")

    async def _run(self) -> str:
        """One run, described by its end."""
        try:
            child = self._child = await self._start()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            return f"cannot start ({error})"
        probe = asyncio.create_task(self._become_ready())
        code = await _exit_of(child)
        probe.cancel()
        # What it leaves behind (pool children, api workers) would hold its port and its files.
        process.end(lambda: process.session(child.pid))
        await first(self.log.closed.wait(), seconds=1.0)
        if self.service.step and code == 0:
            self.ready.set()
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"

    async def _start(self) -> subprocess.Popen[bytes]:
        service = self.service
        become = service.prepare()
        reader, writer = os.pipe()
        with open(writer, "wb") as output:  # noqa: PTH123 - a descriptor has no path
            pipe = open(reader, "rb")  # noqa: PTH123, SIM115 - a descriptor has no path; the transport closes it
            await asyncio.get_running_loop().connect_read_pipe(lambda: self.log, pipe)
            return process.start(
                service.command, environment=service.environment, output=output, dies_by=service.dies_by, become=become
            )

    async def _become_ready(self) -> None:
        if self.service.step or self.ready.is_set():
            return
        if self.service.ready_line:
            await self.log.seen(self.service.ready_line)
        while not await asyncio.to_thread(self.service.ready):
            await asyncio.sleep(_PROBE_SECONDS)
        self.ready.set()
        self.log.aloud = True

    def _signal(self, number: signal.Signals) -> None:
        if self._child and not self.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)


async def first(*awaitables: Awaitable[object], seconds: float | None = None) -> None:
    """Wait for the first of several, or until the time is over; the others are cancelled."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def every(events: Iterable[asyncio.Event]) -> None:
    """Wait until all events are set."""
    for event in events:
        await event.wait()


async def _exit_of(child: subprocess.Popen[bytes]) -> int:
    loop, ended, descriptor = asyncio.get_running_loop(), asyncio.Event(), os.pidfd_open(child.pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return child.wait()
