"""Every path that the documents name is there."""

from __future__ import annotations

import re

import pytest

from tests.shared.processes import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
ROOMS = {entry.name for entry in ROOT.iterdir() if entry.is_dir() and not entry.name.startswith(".")}


def named(text: str) -> set[str]:
    """Paths between backticks or in links, without the `::test` behind them."""
    found = re.findall(r"[`(]([\w.-]+/[\w./-]*)", text)
    return {path.rstrip("/.") for path in found if path.split("/")[0] in ROOMS}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_path_named_is_there(document: object) -> None:
    text = (ROOT / str(document)).read_text(encoding="utf-8")
    assert {path for path in named(text) if not (ROOT / path).exists()} == set()


def test_a_path_that_has_moved_is_noticed() -> None:
    assert named("see `checkout/gone.py::test` and [this](docs/events.md)") == {"checkout/gone.py", "docs/events.md"}
