"""The part of requirements.lock that some packages need, hashes included: `python locked.py LOCK PACKAGE…`.

One lock holds everything, tests and stand-ins as well, and pip can install only the whole of a hashed file. The lock
says behind each package who asks for it (`# via`), so that what an image needs can be read off it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_FIRST = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_ASKS = re.compile(r"^    # (?:via |  )([A-Za-z0-9._-]+)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Entry(NamedTuple):
    """One pinned package as it stands in the lock, and who asks for it."""

    name: str
    text: str
    asked_by: frozenset[str]


def normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> list[Entry]:
    """All packages of the lock; one that differs between Pythons stands there twice."""
    starts = [*_FIRST.finditer(lock)]
    ends = [start.start() for start in starts[1:]] + [len(lock)]
    texts = [lock[start.start() : end] for start, end in zip(starts, ends, strict=True)]
    return [
        Entry(normal(start[1]), text, frozenset(map(normal, _ASKS.findall(text))))
        for start, text in zip(starts, texts, strict=True)
    ]


def needed(lock: str, roots: Iterable[str]) -> str:
    """The entries of the roots and of all that they need. Raises LookupError when the lock has no such package."""
    found, known = entries(lock), {normal(_NAME.findall(root)[0]) for root in roots}
    if missing := known - {entry.name for entry in found}:
        raise LookupError(f"the lock has no {', '.join(sorted(missing))}")
    while more := {entry.name for entry in found if entry.asked_by & known} - known:
        known |= more
    return "".join(entry.text for entry in found if entry.name in known)


def production(project: str) -> list[str]:
    """What pyproject.toml says that the service itself needs."""
    return list(tomllib.loads(project)["project"]["dependencies"])


def main(lock: Path, names: list[str]) -> int:
    """Prints the part that those packages need; without a package, that of the project beside the lock."""
    roots = names or production(lock.with_name("pyproject.toml").read_text(encoding="utf-8"))
    sys.stdout.write(needed(lock.read_text(encoding="utf-8"), roots))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
