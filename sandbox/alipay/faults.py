"""Misbehaviour on demand: rules that say what goes wrong, where, how often and how likely."""

import random
import threading
from typing import Annotated, Literal

import msgspec

from sandbox.alipay.store import Store

Fault = Literal[
    "call_limited",
    "unknown_error_executed",
    "unknown_error_not_executed",
    "system_error_executed",
    "system_error_not_executed",
    "timeout_executed",
    "timeout_not_executed",
    "bad_gateway",
    "buyer_pays_before_close",
    "buyer_pays_after_close",
    "refund_pending",
    "seller_balance_not_enough",
    "notify_lost",
    "notify_late",
    "notify_doubled",
    "notify_reordered",
]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`times` absent means until cleared; `seconds` is the hold, the delay or the limit of the fault (real seconds)."""

    fault: Fault
    method: str | None = None
    out_trade_no: str | None = None
    times: Annotated[int, msgspec.Meta(ge=1)] | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    seed: int = 0
    seconds: Annotated[float, msgspec.Meta(ge=0, le=86400)] | None = None
    how: Literal["hold", "close"] = "hold"
    copies: Annotated[int, msgspec.Meta(ge=2, le=10)] = 2


class Armed(msgspec.Struct):
    """A rule in force, with how often it was asked (`seen`) and how often it struck (`hits`)."""

    id: int
    rule: Rule
    seen: int = 0
    hits: int = 0


class Faults:
    """The rules in force, held in memory and kept in the store; the oldest that fits strikes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        rows = store.all("SELECT * FROM fault_rules ORDER BY id")
        self._armed = [
            Armed(row["id"], msgspec.json.decode(row["rule"], type=Rule), row["seen"], row["hits"]) for row in rows
        ]

    def add(self, rule: Rule) -> Armed:
        text = msgspec.json.encode(rule).decode()
        armed = Armed(self._store.insert("fault_rules", rule=text, seen=0, hits=0), rule)
        with self._lock:
            self._armed.append(armed)
        return armed

    def list(self) -> list[Armed]:
        with self._lock:
            return list(self._armed)

    def clear(self, rule_id: int | None = None) -> int:
        """Disarm one rule, or all; returns how many."""
        with self._lock:
            gone = [armed for armed in self._armed if rule_id in (None, armed.id)]
            self._armed = [armed for armed in self._armed if armed not in gone]
        for armed in gone:
            self._store.run("DELETE FROM fault_rules WHERE id = ?", armed.id)
        return len(gone)

    def draw(self, *kinds: Fault, method: str = "", out_trade_no: str = "") -> Rule | None:
        """The rule that strikes now, if any; a strike counts even where the work around it is undone."""
        if not self._armed:
            return None
        with self._lock:
            for armed in self._armed:
                if _fits(armed, kinds, method, out_trade_no) and _strikes(armed):
                    break
            else:
                return None
        self._store.run("UPDATE fault_rules SET seen = ?, hits = ? WHERE id = ?", armed.seen, armed.hits, armed.id)
        return armed.rule


def _fits(armed: Armed, kinds: tuple[Fault, ...], method: str, out_trade_no: str) -> bool:
    rule = armed.rule
    if rule.fault not in kinds or (rule.times is not None and armed.hits >= rule.times):
        return False
    return rule.method in (None, method) and rule.out_trade_no in (None, out_trade_no)


def _strikes(armed: Armed) -> bool:
    """The n-th decision of a rule depends on its seed, its fault and n alone, so that a run can be repeated."""
    rule = armed.rule
    dice = random.Random(f"{rule.seed}:{rule.fault}:{armed.seen}")  # noqa: S311 - repeatable dice, not a secret
    armed.seen += 1
    struck = dice.random() < rule.probability
    armed.hits += struck
    return struck
