"""Threads that start together, for races."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

LONGEST_SECONDS = 100


def at_once(step: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """The answers in the items' order; raises what a step raised."""
    gate = threading.Barrier(len(items))

    def run(item: Item) -> Answer:
        gate.wait(LONGEST_SECONDS)
        return step(item)

    with ThreadPoolExecutor(len(items)) as pool:
        return [future.result(LONGEST_SECONDS) for future in [pool.submit(run, item) for item in items]]
