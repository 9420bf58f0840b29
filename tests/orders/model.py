"""What the contract says an order is, as simply as it can be said: the model of the state machine's test."""

from __future__ import annotations

from dataclasses import dataclass, field

PRICE_FEN = 1000
FREIGHT_FEN = 1000


@dataclass
class Attempt:
    """One attempt, with what Alipay knows of it: `trade` is "", "paid" or "closed"."""

    method: str | None = None
    trade: str = ""
    final: bool = False
    kept: bool = False
    paid_fen: int = 0
    returned_fen: int = 0


@dataclass
class Model:
    """What the contract says an order is."""

    id: int
    lines: dict[str, int]
    status: str
    reason: str | None = None
    holds: bool = False
    left: bool = False
    closing: bool = False
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def total_fen(self) -> int:
        return sum(self.lines.values()) * PRICE_FEN + FREIGHT_FEN

    @property
    def kept(self) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.kept), None)

    def begin_to_close(self) -> None:
        self.closing = True
        for attempt in self.attempts:
            attempt.final |= attempt.method is None
        self.settle()

    def settle(self) -> None:
        paid_for = self.kept is not None and self.status != "closed"
        is_final = all(attempt.final for attempt in self.attempts)
        if self.closing and self.holds and is_final and not paid_for and not self.left:
            self.holds = False
            if self.status == "awaiting_payment":
                self.status, self.reason = "closed", "expired"
