"""Why PostgreSQL does not do what it is asked, in a word that an operator can act on."""

from __future__ import annotations

# By SQLSTATE or by its class (appendix A of PostgreSQL's manual); the longer one wins.
_REASONS = {
    "": "unreachable",
    "08": "unreachable",
    "22": "data",
    "23": "data",
    "25006": "read_only",
    "40": "conflict",
    "53": "resources",
    "53100": "disk_full",
    "53200": "out_of_memory",
    "53300": "too_many_connections",
    "55P03": "lock",
    "57014": "timeout",
    "57P": "unreachable",
}
REASONS = frozenset({*_REASONS.values(), "other"})


def is_full(message: str) -> bool:
    """Whether the disk of whoever says so is: Redis and libpq have no code for it."""
    return "No space left on device" in message


def reason(sqlstate: str, message: str = "") -> str:
    """One of a few words; no SQLSTATE is a connection that failed, as it does on a full disk."""
    if not sqlstate and is_full(message):
        return "disk_full"
    for length in (5, 3, 2):
        if sqlstate[:length] in _REASONS:
            return _REASONS[sqlstate[:length]]
    return "other"
