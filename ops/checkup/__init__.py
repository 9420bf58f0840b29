"""What `checkout doctor` looks at. Each diagnosis has its cure in it, and every wait is bounded."""

from __future__ import annotations

from typing import NamedTuple


class Diagnosis(NamedTuple):
    """`state` is ok, warn or fail; `detail` is what was seen, and the cure."""

    name: str
    state: str
    detail: str
