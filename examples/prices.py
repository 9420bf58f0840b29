"""Two functions for `CHECKOUT_PRICING`: spend and save (满减), and a price for members. Amounts are fen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from checkout.prices.basket import Line

FROM_FEN, OFF_FEN = 20_000, 3_000
MEMBERS = Path(__file__).with_name("members.txt")
MEMBERS_PERCENT = 5
_members = frozenset(int(line) for line in MEMBERS.read_text(encoding="utf-8").split())


def spend_and_save(
    lines: Sequence[Line], _user_id: int, _region: str, _metadata: Mapping[str, str]
) -> tuple[list[int], int | None]:
    """每满 200 减 30: 30 yuan off for every 200 of goods, shared among the lines by their amounts."""
    goods = sum(line.amount_fen for line in lines)
    return _shared(goods // FROM_FEN * OFF_FEN, [line.amount_fen for line in lines]), None


def member_price(
    lines: Sequence[Line], user_id: int, _region: str, _metadata: Mapping[str, str]
) -> tuple[list[int], int | None]:
    """5 % off each line and free freight for members, whose ids stand in members.txt.

    Not by `metadata`: that is the client's word.
    """
    if user_id not in _members:
        return [0] * len(lines), None
    return [line.amount_fen * MEMBERS_PERCENT // 100 for line in lines], 0


def _shared(off: int, amounts: Sequence[int]) -> list[int]:
    """Whole fen by each amount's part; what is left over goes to the largest line."""
    total = sum(amounts)
    shares = [off * amount // total for amount in amounts]
    shares[amounts.index(max(amounts))] += off - sum(shares)
    return shares
