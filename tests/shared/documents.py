"""The documents for readers, and whether what they point to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.shared.processes import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "llms.txt"])


class Link(NamedTuple):
    """What a reader clicks on, and where it leads: a file beside the document, and a place in it."""

    words: str
    path: str
    anchor: str


def links(text: str) -> Iterator[Link]:
    """All that do not leave the repository."""
    for words, target in re.findall(r"\[([^\]]+)\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield Link(words, path, anchor)


def symbol(link: Link) -> str:
    """The name of code that the link's words are, such as `place` or `Relay.run`; else nothing."""
    found = re.fullmatch(r"`([A-Za-z_]\w*(?:\.\w+)?)`", link.words)
    return found[1] if found and not link.path.endswith((".md", found[1])) else ""


def has(file: Path, name: str) -> bool:
    """Whether that function, class or constant (of Python), or else that word, stands in the file."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        return re.search(rf"\b{re.escape(name)}\b", text) is not None
    made = r"^\s*(?:async )?(?:def|class) {0}\b|^{0}\b.*="
    return all(re.search(made.format(one), text, re.MULTILINE) for one in name.split("."))


def anchors(text: str) -> set[str]:
    """The places of a document, as GitHub names its headings."""
    bare = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ +(.+)$", bare, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
