"""The API's processes are replaced one after another: who leaves waits until who comes listens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from granian.server.mp import MPServer, WorkerProcess

# A process that does not listen by then will not.
LONGEST_START_SECONDS = 120
_LOOK_SECONDS = 0.1
_LISTEN = "0A"
# /proc/net is not there under systemd's `ProcSubset=pid`, each process' own is.
_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))

_log = logging.getLogger(__name__)


class RollingServer(MPServer):
    """granian gives a new process 3.5 seconds before its predecessor ends; a busy machine needs more to start one.

    With one process, or with all of them late, nobody would listen then, and connections would be refused. And a new
    process that cannot start takes nobody's place: the old ones serve on.
    """

    def _respawn_workers(
        self, workers: list[int], spawn_target: Callable[..., None], target_loader: Callable[..., Any], delay: float = 0
    ) -> None:
        del delay
        spawn = partial(self._spawn_worker, target=spawn_target, callback_loader=target_loader)
        for index in workers:
            if self.interrupt_signal or not self._replace(index, spawn(idx=index)):
                return
            self._metrics.incr_spawn(1)

    def _replace(self, index: int, new: WorkerProcess) -> bool:
        """Whether the new process has the place now."""
        old = self.wrks[index]
        # Its end is no news any more, even if it has come already.
        old.interrupt_by_parent = True
        self.interrupt_children[:] = [other for other in self.interrupt_children if other != index]
        if old.is_alive():  # type: ignore[no-untyped-call]  # granian has no types here.
            return self._try(index, old, new)
        self.respawned_wrks[index] = time.monotonic()
        self.wrks[index] = new
        new.start()  # type: ignore[no-untyped-call]  # As above.
        return True

    def _try(self, index: int, old: WorkerProcess, new: WorkerProcess) -> bool:
        """Both live until it is known which of them stays."""
        new.interrupt_by_parent = True
        new.start()  # type: ignore[no-untyped-call]  # As above.
        comes = self._comes_to_listen(new.inner)
        stays, leaves = (new, old) if comes else (old, new)
        self.wrks[index] = stays
        stays.interrupt_by_parent = False
        if not stays.is_alive():  # type: ignore[no-untyped-call]  # As above.
            self.interrupt_children.append(index)  # It has ended while its end was no news.
            self.main_loop_interrupt.set()
        self._end(leaves)
        return comes

    def _comes_to_listen(self, process: BaseProcess) -> bool:
        deadline = time.monotonic() + LONGEST_START_SECONDS
        while process.is_alive() and time.monotonic() < deadline and not self.interrupt_signal:
            if _listens(process):
                return True
            time.sleep(_LOOK_SECONDS)
        if not self.interrupt_signal:
            _log.error("the new process does not come to listen; the old ones stay", extra={"pid": process.pid})
        return False

    def _end(self, worker: WorkerProcess) -> None:
        worker.terminate()  # type: ignore[no-untyped-call]  # As above.
        worker.inner.join(self.workers_kill_timeout)
        if worker.inner.is_alive():
            worker.kill()  # type: ignore[no-untyped-call]  # As above.
            worker.inner.join()


def _listens(process: BaseProcess) -> bool:
    """Whether one of its files is a listening socket (proc_pid_fd(5), proc_pid_net(5))."""
    own = set(_files(process))
    return any(f"socket:[{inode}]" in own for inode in _listening_sockets())


def _files(process: BaseProcess) -> Iterator[str]:
    with suppress(OSError):  # It is gone.
        for file in Path(f"/proc/{process.pid}/fd").iterdir():
            with suppress(OSError):  # It has closed this one.
                yield str(file.readlink())


def _listening_sockets() -> Iterator[str]:
    for table in _TABLES:
        if not table.exists():  # A kernel without IPv6 has none for it.
            continue
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            _, _, _, state, *_, inode = line.split()[:10]
            if state == _LISTEN:
                yield inode
