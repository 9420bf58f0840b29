"""docs/payments.md says what the tests play."""

from __future__ import annotations

import re

import pytest

from tests.payments import outcomes
from tests.payments.table import CLOSE, REFUND, WORDS, parse
from tests.shared.processes import ROOT

DOCUMENT = (ROOT / "docs" / "payments.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in DOCUMENT.split("\n## ")}
PLAYED = {
    "What Alipay says, in every state of the order": WORDS,
    "What Alipay answers to a close": CLOSE,
    "What Alipay answers to a refund": REFUND,
}


def tables(section: str) -> list[list[list[str]]]:
    """The cells of each table, line by line, without the rule under the head."""
    found = re.findall(r"(?:^\|.*\|\n)+", SECTIONS[section] + "\n", re.MULTILINE)
    lines = [[line.strip("|\n").split("|") for line in table.splitlines()] for table in found]
    return [[[cell.strip() for cell in line] for line in table if set(line[0]) != {"-"}] for table in lines]


@pytest.mark.parametrize("section", PLAYED)
def test_each_table_is_the_one_that_is_played(section: str) -> None:
    first = tables(section)[0]
    assert parse("\n".join(" ".join(line) for line in first).replace("`", "")) == parse(PLAYED[section])


@pytest.mark.parametrize("section", PLAYED)
def test_each_row_column_and_cell_is_explained(section: str) -> None:
    explained = " ".join(line[0] for table in tables(section)[1:] for line in table).replace("`", "")
    known = " ".join(line[0] for one in PLAYED for table in tables(one)[1:] for line in table).replace("`", "")
    cells = parse(PLAYED[section])
    for word in {column for _, column in cells}:
        assert re.search(rf"\b{word}\b", explained), word
    for word in {row for row, _ in cells} | set(cells.values()):
        assert re.search(rf"\b{word}\b", known), word


def test_each_test_that_is_named_is_there() -> None:
    for name in re.findall(r"test_\w+\.py", DOCUMENT):
        assert list((ROOT / "tests").rglob(name)), name


def test_each_cell_is_a_check() -> None:
    assert set(parse(WORDS).values()) == set(outcomes.NEVER) | set(outcomes.HAPPENS)
