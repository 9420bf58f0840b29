"""Threads for what blocks. Those of a process that ends send their callers to the other processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from checkout.errors import Unavailable

T = TypeVar("T")


class Threads(ThreadPoolExecutor):
    """As the standard library's, but what comes after the end is asked to come again, and is no fault."""

    _has_ended = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Raises Unavailable after `end`."""
        if self._has_ended:
            raise Unavailable("this process ends; ask again")
        return super().submit(fn, *args, **kwargs)

    def end(self) -> None:
        """What runs goes on to its end; what has not begun never does."""
        self._has_ended = True
        self.shutdown(wait=False, cancel_futures=True)
