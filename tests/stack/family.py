"""Watching processes through /proc."""

import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from sandbox import process


def descendants(pid: int) -> list[int]:
    """The pids of all that a process started, and of all that these started."""
    children = [child for child in process.everyone() if process.stat(child).parent == pid]
    return children + [pid for child in children for pid in descendants(child)]


def command_line(pid: int) -> str:
    """Empty when the process has gone: PostgreSQL's short-lived workers come and go."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    return ""


def owners(pid: int) -> set[int]:
    """The user of the process, if it is still there."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return {Path(f"/proc/{pid}").stat().st_uid}
    return set()


def open_to_others(path: Path) -> bool:
    """Whether it is a file that not only its owner can use; one that has just gone is not."""
    with suppress(FileNotFoundError):
        status = path.stat()
        return stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o077)
    return False


def leave(pids: Iterable[int], seconds: float = 60.0) -> bool:
    """Whether all these processes end in time."""
    pids = list(pids)
    return happens(lambda: not any(process.is_alive(pid) for pid in pids), seconds)


def happens(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
