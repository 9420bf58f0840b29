"""The texts of docs/diagrams, as tests read them."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.shared.processes import ROOT

TEXTS = sorted((ROOT / "docs" / "diagrams").glob("*.dot"))
_EDGE = re.compile(r'^ *(\w+) -> (\w+) \[label="[^"]*" by="([^":]+):(\w+)"\]$', re.MULTILINE)
_STATE = re.compile(r"^ *(order|payment|refund)_(\w+) \[", re.MULTILINE)


class Edge(NamedTuple):
    """An arrow, and which function of which file makes it true."""

    tail: str
    head: str
    path: str
    function: str


class Move(NamedTuple):
    """An order, a payment or a refund becomes something; it begins where it `was` nothing."""

    kind: str
    was: str
    becomes: str


def edges(text: str) -> list[Edge]:
    return [Edge(*found) for found in _EDGE.findall(text)]


def states(text: str) -> dict[str, set[str]]:
    """The states of each kind."""
    found: dict[str, set[str]] = {}
    for kind, state in _STATE.findall(text):
        found.setdefault(kind, set()).add(state)
    return found


def moves(text: str) -> set[Move]:
    """What each arrow between states says."""
    return {_move(edge) for edge in edges(text)}


def _move(edge: Edge) -> Move:
    kind, _, becomes = edge.head.partition("_")
    return Move(kind, edge.tail.partition("_")[2], becomes)
