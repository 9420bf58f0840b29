"""llms.txt has the form of llmstxt.org and names every page; whoever starts at the README finds each of them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.shared.documents import links
from tests.shared.processes import ROOT

TEXT = (ROOT / "llms.txt").read_text(encoding="utf-8")


def pages(folder: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in ROOT.glob(f"{folder}/*.md")}


def linked(document: Path) -> set[str]:
    """The files of this repository that a document links to."""
    targets = [document.parent / link.path for link in links(document.read_text(encoding="utf-8")) if link.path]
    return {target.resolve().relative_to(ROOT).as_posix() for target in targets}


def reached(start: str) -> set[str]:
    """The documents that a reader comes to from there by links alone."""
    found, left = {start}, {start}
    while left:
        new = {path for page in left for path in linked(ROOT / page) if path.endswith(".md")} - found
        found, left = found | new, new
    return found


def test_it_begins_with_a_title_and_a_summary_and_goes_on_with_lists_of_links() -> None:
    head, *sections = re.split(r"^## ", TEXT, flags=re.MULTILINE)
    assert re.match(r"# [^\n]+\n\n> [^\n]+\n\n", head)
    assert len(sections) >= 3
    for section in sections:
        assert re.fullmatch(r"[^\n]+\n\n(?:- \[[^\]]+\]\([^)]+\): [^\n]+\n)+\n?", section), section


def test_it_names_every_page() -> None:
    assert pages("docs") - linked(ROOT / "llms.txt") == set()


def test_every_page_is_reached_from_the_readme() -> None:
    assert (pages("docs") | pages("docs/*")) - reached("README.md") == set()
