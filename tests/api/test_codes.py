"""The table of problem codes is whole, and has no row for what cannot happen."""

from __future__ import annotations

from pathlib import Path

from api.codes import CODES
from checkout import errors
from checkout.errors import CheckoutError

ROOT = Path(__file__).parents[2]
# What only the command line and the log hear.
INSIDE = {"error", "settings"}


def test_every_error_of_the_family_has_its_row() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CheckoutError)]
    assert {kind.code for kind in kinds} - INSIDE <= CODES.keys()


def test_every_row_is_of_something_that_is_answered() -> None:
    sources = [file for room in ("api", "checkout") for file in (ROOT / room).rglob("*.py") if file.name != "codes.py"]
    told = "".join(file.read_text(encoding="utf-8") for file in sources)
    assert {code for code in CODES if f'"{code}"' not in told} == set()


def test_each_row_says_what_helps() -> None:
    assert all(row.meaning.endswith(".") and row.remedy.endswith(".") for row in CODES.values())
