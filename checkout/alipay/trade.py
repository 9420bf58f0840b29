"""A trade as Alipay tells of it, whichever way the word comes: by notify, as an answer, or on a bill."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Trade(msgspec.Struct, frozen=True):
    """What Alipay says of one trade, checked and in our units. `refunded_fen` is cumulative, None when not told."""

    out_trade_no: str
    trade_no: str
    status: str
    total_fen: int
    created_at: datetime | None = None
    refunded_fen: int | None = None
