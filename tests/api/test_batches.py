"""Who shares a batch with somebody whose data cannot be written does not hear of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psycopg2
import pytest
from sqlalchemy.exc import OperationalError

from api.batching import Batcher


def outcomes(error: Exception, count: int) -> tuple[list[object], list[int]]:
    """What each of so many callers was given, and the sizes of the batches. The third one's data raises."""
    sizes: list[int] = []

    def write(items: Sequence[int]) -> list[int]:
        sizes.append(len(items))
        if 3 in items:
            raise error
        return [item * 10 for item in items]

    async def all_of_them() -> list[object]:
        batcher = Batcher("test", write, most=100)
        try:
            return list(await asyncio.gather(*(batcher.submit(n) for n in range(1, count + 1)), return_exceptions=True))
        finally:
            batcher.close()

    return asyncio.run(all_of_them()), sizes


@pytest.mark.parametrize(
    "error", [UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), ValueError("a NUL"), OverflowError()]
)
def test_whatever_cannot_be_encoded_is_its_own_fault(error: Exception) -> None:
    assert outcomes(error, 4) == ([10, 20, error, 40], [4, 1, 1, 1, 1])


def test_what_passes_is_everybodys() -> None:
    """A lost connection would be lost once for each of them; they may come again."""
    error = OperationalError("SELECT", {}, psycopg2.OperationalError("server closed the connection"))
    assert outcomes(error, 3) == ([error] * 3, [3])
