"""Threads for what blocks. Those of a process that ends send their callers to the other processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from checkout.errors import Unavailable

T = TypeVar("T")

_ENDS = "this process ends; ask again"


class Threads(ThreadPoolExecutor):
    """As the standard library's, but what comes after the end is asked to come again, and is no fault."""

    _has_ended = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Raises Unavailable after `end`, as does what had not begun by then."""
        try:
            return super().submit(self._begin, fn, *args, **kwargs)
        except RuntimeError as error:
            if not self._has_ended:
                raise
            raise Unavailable(_ENDS) from error

    def _begin(self, fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if self._has_ended:
            raise Unavailable(_ENDS)
        return fn(*args, **kwargs)

    def end(self) -> None:
        """What runs goes on to its end; what has not begun never does."""
        self._has_ended = True
        self.shutdown(wait=False)
