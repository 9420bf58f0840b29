"""Money is an integer number of fen inside, a decimal string of yuan with two places outside."""

from __future__ import annotations

import re

# Alipay takes 0.01 to 100,000,000 yuan for one trade (alipay.trade.page.pay, total_amount).
LARGEST_FEN = 10_000_000_000

# Python's `$` would let a last line feed pass.
YUAN = r"^(0|[1-9][0-9]{0,8})\.[0-9]{2}$(?!\n)"
_loose_yuan = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?")


def yuan(fen: int) -> str:
    """The amount as Alipay and our JSON write it: 11980 is "119.80"."""
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"


def fen(text: str) -> int:
    """The fen of "119.80", "119.8" or "119". Raises ValueError for anything else, signs and spaces included."""
    match = _loose_yuan.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an amount in yuan")
    whole, places = match.groups()
    return int(whole) * 100 + int((places or "0").ljust(2, "0"))
