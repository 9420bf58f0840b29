"""The API's processes are replaced one after another: who leaves waits until who comes listens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from granian.server.mp import MPServer, WorkerProcess

# A process that does not listen by then will not: the old one ends, as it was told.
LONGEST_START_SECONDS = 120
_LOOK_SECONDS = 0.1
_LISTEN = "0A"

_log = logging.getLogger(__name__)


class RollingServer(MPServer):
    """granian gives a new process 3.5 seconds before its predecessor ends; a busy machine needs more to start one.

    With one process, or with all of them late, nobody would listen then, and connections would be refused.
    """

    def _respawn_workers(
        self, workers: list[int], spawn_target: Callable[..., None], target_loader: Callable[..., Any], delay: float = 0
    ) -> None:
        del delay
        for index in workers:
            self.respawned_wrks[index] = time.monotonic()
            old = self.wrks[index]
            new = self._spawn_worker(idx=index, target=spawn_target, callback_loader=target_loader)
            new.start()  # type: ignore[no-untyped-call]  # granian has no types here.
            self.wrks[index] = new
            if old.inner.is_alive():
                _wait_until_it_listens(new.inner)
                self._end(old)
        self._metrics.incr_spawn(len(workers))

    def _end(self, worker: WorkerProcess) -> None:
        worker.terminate()  # type: ignore[no-untyped-call]  # granian has no types here.
        worker.inner.join(self.workers_kill_timeout)
        if worker.inner.is_alive():
            worker.kill()  # type: ignore[no-untyped-call]  # As above.
            worker.inner.join()


def _wait_until_it_listens(process: BaseProcess) -> None:
    deadline = time.monotonic() + LONGEST_START_SECONDS
    while process.is_alive() and time.monotonic() < deadline:
        if _listens(process):
            return
        time.sleep(_LOOK_SECONDS)
    _log.error("the new process does not listen", extra={"pid": process.pid})


def _listens(process: BaseProcess) -> bool:
    """Whether one of its files is a listening socket (proc_pid_fd(5), proc_pid_net(5)).

    /proc/net is not there under systemd's `ProcSubset=pid`, each process' own is.
    """
    own: set[str] = set()
    with suppress(OSError):  # It, or one of its files, is gone.
        own = {str(file.readlink()) for file in Path(f"/proc/{process.pid}/fd").iterdir()}
    return any(f"socket:[{inode}]" in own for inode in _listening_sockets())


def _listening_sockets() -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/self/net", table).read_text(encoding="ascii").splitlines()[1:]:
            _, _, _, state, *_, inode = line.split()[:10]
            if state == _LISTEN:
                yield inode
