"""The sentences that stand in the code: its texts as they would be said, with a mark for what differs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.shared.processes import ROOT

# It may be a name as well as a number.
MARK = "7"
_TWO_WORDS = re.compile(r"[a-z]{2,}[,:;]? [a-z(]{1,}")
# What they are given is no sentence: SQL, or a name.
_NO_SENTENCES = ("sql", "command", "exec_driver_sql", "getattr", "startswith")
_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def parsed(*places: str) -> Iterator[tuple[str, ast.Module]]:
    """The files of these rooms, or these files."""
    for place in places:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield file.relative_to(ROOT).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def said(tree: ast.AST) -> Iterator[str]:
    """All texts in it of two words at least, but those that explain the code."""
    left_out = set(_explaining(tree))
    for node in ast.walk(tree):
        if node not in left_out and (text := _text(node)) and _TWO_WORDS.search(text):
            yield text


def parsing(tree: ast.AST) -> set[str]:
    """What a parser says of a value whose setting has its own cure: nobody reads it."""
    raises = (node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc is not None)
    return {one for exc in raises if ast.unparse(exc).startswith("ValueError(") for one in said(exc)}


def raised(tree: ast.AST) -> Iterator[str]:
    """Those that an exception is raised with."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield from said(node.exc)


def everything(*places: str) -> str:
    """All texts of these places, explanations and SQL included, with single blanks."""
    texts = (_text(node) or "" for _, tree in parsed(*places) for node in ast.walk(tree))
    return "\n".join(" ".join(text.split()) for text in texts)


def headings(tree: ast.AST) -> Iterator[str]:
    """What stands above columns and parts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("print_table", "_part", "word"):
            yield from _constants(node.args[:2] if getattr(node.func, "id", "") == "_part" else node.args[:1])
        elif isinstance(node, ast.Assign) and [getattr(one, "id", "") for one in node.targets] == ["columns"]:
            yield from _constants([node.value])


def _constants(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        for one in [node, *getattr(node, "elts", ())]:
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value:
                yield one.value


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else MARK for one in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _explaining(tree: ast.AST) -> Iterator[ast.AST]:
    """Docstrings, what is told to PostgreSQL, and the pieces of a text that is whole elsewhere."""
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and node.body and isinstance(node.body[0], ast.Expr):
            yield node.body[0].value
        elif isinstance(node, ast.JoinedStr):
            yield from node.values
        elif isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in _NO_SENTENCES:
            yield from ast.walk(node)


def source(module: object) -> str:
    """The text of a library's module."""
    return Path(str(getattr(module, "__file__", ""))).read_text(encoding="utf-8")
