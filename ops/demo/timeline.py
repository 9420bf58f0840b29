"""What the demo prints: each story's steps with the time since the start, and what was expected and seen."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from checkout.language.chinese import told, word

_WIDEST = 100
_INDENT = 10
_STYLES = {"✓": "green", "✗": "bold red", "●": "cyan"}
_VERDICTS = ("✓", "✗")


class Missed(Exception):
    """What a story needs did not come: an answer, a state or an event. The message says what was waited for."""


@dataclass(frozen=True)
class _Line:
    at: datetime
    mark: str
    text: str


@dataclass
class Record:
    """One story as it happened. `→` is what people do, `●` what the service says, `✓` and `✗` what was expected."""

    lines: list[_Line] = field(default_factory=list)

    def step(self, text: str) -> None:
        """Somebody does something now."""
        self._add("→", text)

    def event(self, event: Mapping[str, Any], text: str = "") -> None:
        """An event of the log, at its own time."""
        name = str(event["type"]).removeprefix("checkout.")
        self._add("●", f"{name}  {told(text)}".rstrip(), str(event["time"]))

    def expect(self, text: str, expected: object, seen: object) -> None:
        """Notes what was expected and what was seen; the story goes on either way."""
        if expected == seen:
            self._add("✓", f"{told(text)}{word(': ')}{_said(seen)}")
        else:
            self._add("✗", f"{text}: expected {_said(expected)}, saw {_said(seen)}")

    def fail(self, text: str) -> None:
        """The story cannot go on."""
        self._add("✗", text)

    @property
    def held(self) -> bool:
        """Whether every expectation did."""
        return all(line.mark != "✗" for line in self.lines)

    def _add(self, mark: str, text: str, at: str = "") -> None:
        self.lines.append(_Line(datetime.fromisoformat(at) if at else datetime.now(UTC), mark, told(text)))


def _said(value: object) -> str:
    return word("yes" if value else "no") if isinstance(value, bool) else told(str(value))


class Timeline:
    """Prints on standard output; colours and a spinner only where that is a terminal."""

    def __init__(self) -> None:
        """Time begins now."""
        self.began = datetime.now(UTC)
        self._numbers = itertools.count(1)
        self.console = Console(force_terminal=sys.stdout.isatty(), highlight=False, emoji=False, markup=False)
        self.console.width = min(self.console.width, _WIDEST)

    def seconds(self) -> float:
        """Since the start."""
        return self._since(datetime.now(UTC))

    def say(self, text: str, style: str = "") -> None:
        """One line outside the stories, with its time."""
        self._print(f"{self.seconds():.2f}", " ", told(text), style)

    def tell(self, title: str, record: Record) -> None:
        """A finished story: its steps in the order of their times, then how it ended."""
        steps = sorted((line for line in record.lines if line.mark not in _VERDICTS), key=lambda line: line.at)
        took = f"{self._since(steps[-1].at) - self._since(steps[0].at):.1f} s" if steps else ""
        self.console.print(Text.assemble(("\n" + f"{next(self._numbers)}  {told(title)}  ", "bold"), (took, "dim")))
        for line in steps:
            self._print(f"{self._since(line.at):.2f}", line.mark, line.text)
        for line in record.lines:
            if line.mark in _VERDICTS:
                self.judge(line.text, is_good=line.mark == "✓")

    def judge(self, text: str, *, is_good: bool) -> None:
        """What held, or did not."""
        self._print("", "✓" if is_good else "✗", told(text), "" if is_good else "bold red")

    def show_log(self, name: str, lines: list[str]) -> None:
        """The end of a service's log."""
        self.console.print(Text(f"\n{name}", style="bold"))
        for line in lines:
            self.console.print(Padding(Text(line, style="dim"), (0, 0, 0, 2)))

    def _since(self, at: datetime) -> float:
        return (at - self.began).total_seconds()

    def _print(self, time: str, mark: str, text: str, style: str = "") -> None:
        """Time, mark and text in three columns; a long text goes on under its own beginning."""
        lines = Text(text, style=style).wrap(self.console, self.console.width - _INDENT)
        head = Text.assemble((f"{time:>7} ", "dim"), (f"{mark} ", _STYLES.get(mark, "")))
        for line in lines:
            line.rstrip()
            self.console.print(head + line)
            head = Text(" " * _INDENT)
