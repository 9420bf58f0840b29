"""Alipay's clock. Its wire speaks Beijing time; a skew pretends that its clock and the merchant's differ."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))
_FORMAT = "%Y-%m-%d %H:%M:%S"


@dataclass
class Clock:
    """`scale` divides Alipay's own intervals (retries, gaps, minimum times), never a deadline of the merchant."""

    scale: float = 1.0
    skew: float = 0.0

    def now(self) -> float:
        """Alipay's idea of the time, seconds since the epoch."""
        return time.time() + self.skew

    def real(self) -> float:
        """The machine's time: queues run by it, whatever the skew."""
        return time.time()

    def scaled(self, seconds: float) -> float:
        return seconds / self.scale


def beijing(moment: float) -> datetime:
    return datetime.fromtimestamp(moment, BEIJING)


def written(moment: float) -> str:
    return beijing(moment).strftime(_FORMAT)


def read(text: str) -> float:
    """Seconds since the epoch of `yyyy-MM-dd HH:mm:ss` in Beijing; ValueError when it is something else."""
    if len(text) != 19:
        raise ValueError(f"not yyyy-MM-dd HH:mm:ss: {text[:40]!r}")
    return datetime.strptime(text, _FORMAT).replace(tzinfo=BEIJING).timestamp()
