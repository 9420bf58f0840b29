"""docs/api.md shows the table of problem codes that the code itself uses."""

from __future__ import annotations

from api.codes import CODES
from tests.shared.processes import ROOT


def shown() -> str:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    return text.partition("<!-- problems -->\n")[2].partition("<!-- end -->")[0].strip()


def test_the_document_has_every_problem_with_what_helps() -> None:
    rows = [f"| {row.status} | `{row.code}` | {row.meaning} | {row.remedy} |" for row in CODES.values()]
    assert shown().splitlines() == ["| | `code` | what it means | what helps |", "|---|---|---|---|", *rows]
