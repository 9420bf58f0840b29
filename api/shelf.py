"""What this process has heard of SKUs that ran short: a hint, by which the stock itself is asked and decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MOST_SKUS = 10_000

Lines = Sequence[tuple[str, int]]


class Shelf:
    """How many units were left of SKUs of which somebody wanted more."""

    def __init__(self) -> None:
        self._left: dict[str, int] = {}

    def ran_short(self, left: Mapping[str, int]) -> None:
        """So many were left."""
        if len(self._left) + len(left) > MOST_SKUS:
            self._left.clear()  # What is wanted and short is told again.
        self._left.update(left)

    def may_lack(self, lines: Lines) -> bool:
        """Whether an order of these lines is worth a look before it is stored."""
        left = self._left
        return bool(left) and any(left.get(sku_id, quantity) < quantity for sku_id, quantity in lines)

    def had_enough(self, lines: Lines) -> None:
        """They were there when somebody looked."""
        for sku_id, _ in lines:
            self._left.pop(sku_id, None)
