"""A worker that was rung for takes all that waits, and stays while more comes: nobody need ring meanwhile.

Under load a ring costs more than the work of a batch. For one lone order nobody stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from checkout.events import waking
from tasks.app import resources

# Whoever stands behind in the queue waits no longer for it.
STAY_SECONDS = 1.0

LOOK_SECONDS = 0.02
# The doors work in batches, too: now and then a look comes between two of them.
EMPTY_LOOKS = 3
COMPANY = 2


def take(task: str, look: Callable[[], int]) -> None:
    """`look` does all that waits, and says how much that was."""
    redis = resources().redis
    waking.answer(redis, task)
    if look() < COMPANY:
        return
    end = time.monotonic() + STAY_SECONDS
    waking.stay(redis, task)
    empty = 0
    while empty < EMPTY_LOOKS and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
        empty = 0 if look() else empty + 1
    waking.answer(redis, task)  # Who comes from now on rings again; who came before is seen by this last look.
    look()
