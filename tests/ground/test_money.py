"""Yuan outside, fen inside, nothing lost between."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout import money


@given(st.integers(0, money.LARGEST_FEN))
def test_what_is_written_is_read_again(fen: int) -> None:
    assert money.fen(money.yuan(fen)) == fen


@given(st.integers(0, money.LARGEST_FEN))
def test_what_is_written_is_what_the_api_takes(fen: int) -> None:
    assert re.search(money.YUAN, money.yuan(fen))


@pytest.mark.parametrize(("fen", "yuan"), [(0, "0.00"), (1, "0.01"), (10, "0.10"), (11980, "119.80"), (-5, "-0.05")])
def test_two_places_always(fen: int, yuan: str) -> None:
    assert money.yuan(fen) == yuan


@pytest.mark.parametrize(("text", "fen"), [("119.8", 11980), ("119", 11900), ("0", 0), ("007.5", 750)])
def test_shorter_forms_are_read(text: str, fen: int) -> None:
    assert money.fen(text) == fen


@pytest.mark.parametrize("text", ["", " 1", "1.", ".5", "-1", "+1", "1.234", "1,00", "1e2", "١", "1.00\n", "9" * 10])
def test_everything_else_is_no_amount(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        money.fen(text)
