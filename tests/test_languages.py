"""What is told in two languages is told in both in full: the same sections, commands, tables, settings and figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.shared.processes import ROOT

PAIRS = [(ROOT / name, ROOT / name.replace(".md", ".zh-CN.md")) for name in ("README.md", "docs/handbook.md")]
EACH = pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].name)
Pair = tuple[Path, Path]


def texts(pair: Pair) -> tuple[str, str]:
    return pair[0].read_text(encoding="utf-8"), pair[1].read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    """The indented blocks, as they are typed or answered."""
    return re.findall(r"^(?:    .+\n)+", text, re.MULTILINE)


def cells(text: str) -> list[list[str]]:
    """The cells of each line of a table."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]


def is_figure(cell: str) -> bool:
    return re.fullmatch(r"[\d,.]+(?: ms)?", cell) is not None


def rows(text: str) -> list[list[str]]:
    """Of each line of a table the names of code and the figures, which need no translation."""
    return [[part for cell in line for part in _kept(cell)] for line in cells(text)]


def _kept(cell: str) -> list[str]:
    return [cell] if is_figure(cell) else re.findall(r"`[^`]+`", cell)


def targets(text: str) -> set[str]:
    """Where the links lead, whatever the language."""
    return {target.replace(".zh-CN", "") for target in re.findall(r"\]\(([^)]+)\)", text)}


@EACH
def test_both_have_the_same_sections_lists_and_parts(pair: Pair) -> None:
    for mark in (r"^## ", r"^- ", r"^\d\. ", r"^\*\*"):
        here, there = (len(re.findall(mark, text, re.MULTILINE)) for text in texts(pair))
        assert here == there, mark


@EACH
def test_both_have_the_same_commands(pair: Pair) -> None:
    here, there = texts(pair)
    assert commands(here) == commands(there)


@EACH
def test_both_tables_have_the_same_lines_names_and_figures(pair: Pair) -> None:
    here, there = texts(pair)
    assert rows(here) == rows(there)


@EACH
def test_both_lead_to_the_same_pages(pair: Pair) -> None:
    here, there = texts(pair)
    assert targets(here) == targets(there)


@pytest.mark.parametrize("readme", PAIRS[0], ids=lambda readme: readme.name)
def test_each_figure_is_one_that_was_measured(readme: Path) -> None:
    measured = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    figures = {cell for line in cells(readme.read_text(encoding="utf-8")) for cell in line if is_figure(cell)}
    assert len(figures) == 12
    assert {figure for figure in figures if not re.search(rf"(?<![\d.,]){re.escape(figure)}", measured)} == set()


def test_each_setting_is_in_the_handbook() -> None:
    """Of `TIME_SCALE` it says nothing: it is of the sandbox alone."""
    code = (ROOT / "checkout" / "settings" / "__init__.py").read_text(encoding="utf-8")
    read = {one or other for one, other in re.findall(r'\bread\(\s*"([A-Z_]+)"|PREFIX \+ "([A-Z_]+)"', code)}
    names = {name for line in cells(texts(PAIRS[1])[0]) for name in re.findall(r"`([A-Z][A-Z_]+)`", line[0])}
    assert {name for name in names if not name.startswith("CHECKOUT_")} == read - {"TIME_SCALE"}
