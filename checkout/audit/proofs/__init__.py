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
