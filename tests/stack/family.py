"""Watching processes through /proc."""

import time
from collections.abc import Callable, Iterable

from sandbox import process


def descendants(pid: int) -> list[int]:
    """The pids of all that a process started, and of all that these started."""
    children = [child for child in process.everyone() if process.stat(child).parent == pid]
    return children + [pid for child in children for pid in descendants(child)]


def leave(pids: Iterable[int], seconds: float = 15.0) -> bool:
    """Whether all these processes end in time."""
    pids = list(pids)
    return happens(lambda: not any(process.is_alive(pid) for pid in pids), seconds)


def happens(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
