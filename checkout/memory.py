"""The garbage collector, told what a serving process is like."""

from __future__ import annotations

import gc

# Nearly all that a request makes is freed when the last name for it goes; looking for cycles every 700 objects, as
# Python does by default, took a sixth of the API's time.
YOUNG_OBJECTS = 20_000


def settle() -> None:
    """To be called once all is imported: what is here now stays, so it need never be looked through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
