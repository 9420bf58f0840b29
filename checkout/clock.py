"""Times are UTC; the database's clock decides. Only Alipay's wire speaks Beijing time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8), "CST")

_duration = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_units = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def rfc3339(instant: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-22T08:00:00.123Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def beijing(instant: datetime) -> str:
    """`yyyy-MM-dd HH:mm:ss` as Alipay writes every time."""
    return instant.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def from_beijing(text: str) -> datetime:
    """The instant of Alipay's `yyyy-MM-dd HH:mm:ss[.S]`. Raises ValueError."""
    if len(text) < 19:
        raise ValueError(f"{text!r} is not of the form yyyy-MM-dd HH:mm:ss")
    return datetime.fromisoformat(f"{text[:19]}+08:00").astimezone(UTC)


def duration_seconds(text: str) -> int:
    """The seconds of "90s", "30m", "12h" or "7d". Raises ValueError."""
    match = _duration.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration like 90s, 30m, 12h or 7d")
    return int(match[1]) * _units[match[2]]


def beijing_now() -> str:
    """This machine's clock on Alipay's wire; Alipay compares it with its own, never with our database's."""
    return beijing(datetime.now(UTC))
