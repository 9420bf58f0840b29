"""`--help` as a person reads it: in Chinese where that is read, sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click

from checkout.language import chinese
from checkout.language.chinese import word

_BETWEEN = re.compile(r"(?<=\.) (?=[A-Z])")


class Manual(click.HelpFormatter):
    """Names of commands and options stay what they are."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Begins with the word for usage."""
        super().write_usage(prog, args, prefix or word("Usage: "))

    def write_heading(self, heading: str) -> None:
        """One of few words."""
        super().write_heading(word(heading))

    def write_text(self, text: str) -> None:
        """Chinese characters are two columns wide, which click does not know."""
        width = self.width
        self.width = width // 2 if chinese.is_read() else width
        write = super().write_text
        write("\n\n".join(map(sentences, text.split("\n\n"))))
        self.width = width

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Commands or options, each with what it is for."""
        super().write_dl([(name, sentences(text)) for name, text in rows], col_max, col_spacing)


def sentences(paragraph: str) -> str:
    """A paragraph, with what click says of a default in brackets behind it."""
    if not chinese.is_read():
        return paragraph
    text, bracket, more = paragraph.partition("  [")
    told = "".join(map(chinese.in_chinese, _BETWEEN.split(" ".join(text.split()))))
    return f"{told}  [{chinese.in_chinese(more[:-1])}]" if bracket else told
