"""One description of a row, from which a statement's names, arrays and assignments are made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from checkout.db import array


class Columns:
    """Columns and their types, in the order in which statements name them; the rows they carry are called `c`."""

    def __init__(self, **kinds: str) -> None:
        self._kinds = kinds

    def but(self, *names: str) -> Columns:
        """The others."""
        return Columns(**{name: kind for name, kind in self._kinds.items() if name not in names})

    @property
    def names(self) -> str:
        """`a, b`, for SELECT and INSERT."""
        return ", ".join(self._kinds)

    @property
    def rows(self) -> str:
        """`unnest(CAST(:a AS int[]), …) AS c (a, …)`: what `of` or `values` binds, as a table."""
        arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in self._kinds.items())
        return f"unnest({arrays}) AS c ({self.names})"

    @property
    def assignments(self) -> str:
        """`a = c.a, …`, for UPDATE."""
        return ", ".join(f"{name} = c.{name}" for name in self._kinds)

    def of(self, things: Sequence[object]) -> dict[str, str]:
        """What `rows` needs, from each thing's attributes of these names."""
        return {name: array(getattr(thing, name) for thing in things) for name in self._kinds}

    def values(self, rows: Iterable[Sequence[object]]) -> dict[str, str]:
        """What `rows` needs, from at least one row of values in this order."""
        return dict(zip(self._kinds, map(array, zip(*rows, strict=True)), strict=True))
