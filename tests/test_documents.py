"""Every path, link, heading, picture and name of code that the documents point to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.shared.documents import DOCUMENTS, Link, anchors, has, links, symbol
from tests.shared.processes import ROOT

ROOMS = {entry.name for entry in ROOT.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
EACH = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.relative_to(ROOT).as_posix())


def named(text: str) -> set[str]:
    """Paths between backticks, in links and in commands, without the `::test` behind them."""
    found = re.findall(r"[`(]([\w.-]+/[\w./-]*)", text) + re.findall(r"(?<= )tests/[\w/]+\.py", text)
    return {path.rstrip("/.") for path in found if path.split("/")[0] in ROOMS}


def dead(document: Path, text: str) -> list[Link]:
    """Links whose file, heading or name of code is not there."""
    return [link for link in links(text) if not _leads(document, link)]


def _leads(document: Path, link: Link) -> bool:
    target = document.parent / link.path if link.path else document
    if not target.exists() or not target.resolve().is_relative_to(ROOT):
        return False
    if link.anchor and link.anchor not in anchors(target.read_text(encoding="utf-8")):
        return False
    return not symbol(link) or has(target, symbol(link))


@EACH
def test_each_path_named_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert {path for path in named(text) if not (ROOT / path).exists()} == set()


@EACH
def test_each_link_leads_where_it_says(document: Path) -> None:
    assert dead(document, document.read_text(encoding="utf-8")) == []


def test_each_picture_is_shown_and_each_that_is_shown_is_there() -> None:
    shown = {
        (document.parent / path).resolve()
        for document in DOCUMENTS
        for found in re.findall(r'src="([^":]+)"|!\[[^]]*\]\(([^):]+)\)', document.read_text(encoding="utf-8"))
        for path in found
        if path
    }
    assert {path for path in shown if not path.exists()} == set()
    assert set(ROOT.glob("docs/shots/*.png")) - shown == set()


def test_a_path_that_has_moved_is_noticed() -> None:
    text = "see `checkout/gone.py::test` and [this](docs/events.md), or run pytest tests/gone.py -q"
    assert named(text) == {"checkout/gone.py", "docs/events.md", "tests/gone.py"}


@pytest.mark.parametrize(
    "link",
    [
        "[events](docs/gone.md)",
        "[events](docs/events.md#gone)",
        "[`gone`](checkout/events/log.py)",
        "[`Event.gone`](checkout/events/log.py)",
        "[`goner`](schema.sql)",
        "[outside](../README.md)",
    ],
)
def test_a_link_that_leads_nowhere_is_noticed(link: str) -> None:
    assert len(dead(ROOT / "README.md", link)) == 1


def test_a_link_that_leads_somewhere_is_not() -> None:
    good = "[a](docs/events.md#the-fence) [`TOPICS`](checkout/events/topics.py) [`append`](checkout/events/log.py) "
    good += "[`Logged.cloud_event`](checkout/events/log.py) [`order_status`](schema.sql) [there](https://example.org)"
    assert dead(ROOT / "README.md", good) == []
