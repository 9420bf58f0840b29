"""What `checkout audit` proves, one query an invariant: each selects what breaks it, as a column `id`.

The queries read whole tables and join them by hashing, so that a million orders cost seconds. They may use `:since`
(orders accepted from then on) and `:logged` (the same, but no further back than the event log goes).
"""

from __future__ import annotations

from typing import NamedTuple


class Proof(NamedTuple):
    """`breaches` selects what breaks it; `says` is what is true when there is nothing of the kind."""

    name: str
    says: str
    breaches: str


def yuan(fen: str) -> str:
    """An amount that is not negative as events tell it; the schema's own takes four times as long, and one process."""
    return f"({fen} / 100)::text || '.' || lpad(mod({fen}, 100)::text, 2, '0')"
