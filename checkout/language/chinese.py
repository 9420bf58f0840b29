"""Whether Chinese is read at this terminal, and how a sentence is found there."""

from __future__ import annotations

import codecs
import re
import sys
from functools import cache, lru_cache

from checkout import settings
from checkout.language import answers, bills, demo, doctor, faults, matters, proofs, start, usage, words

SENTENCES = {
    **(doctor.SENTENCES | start.SENTENCES | answers.SENTENCES | faults.SENTENCES),
    **(bills.SENTENCES | matters.SENTENCES | proofs.SENTENCES | usage.SENTENCES | demo.SENTENCES),
}
_FIELD = re.compile(r"\{(\w+)\}")
# What stands under these names is a number, so that a short form fits nothing else.
_NUMBERS = {
    "bits",
    "count",
    "days",
    "id",
    "left",
    "most",
    "number",
    "pid",
    "rows",
    "seconds",
    "times",
    "total",
    "tries",
}
_ROWS = (("; ", "；"), (", ", "，"))
# No sentence of ours is longer; a line of somebody's log may be, and each of its marks would be looked at.
LONGEST = 500


def told(text: str) -> str:
    """The text in Chinese where that is read, line by line, as far as it is known here; else as it is."""
    return "\n".join(map(_line, text.split("\n"))) if is_read() else text


def _line(line: str) -> str:
    return in_chinese(line) if len(line) <= LONGEST else line


def word(heading: str) -> str:
    """A table's heading, or a word that stands alone."""
    return words.WORDS.get(heading, heading) if is_read() else heading


def is_read() -> bool:
    """Whether the locale is a Chinese one whose characters the terminal has; if in doubt English is understood."""
    language, _, charset = settings.locale().partition("@")[0].partition(".")
    if not language.startswith("zh"):
        return False
    return all(_has(getattr(stream, "encoding", None) or "ascii", charset) for stream in (sys.stdout, sys.stderr))


def _has(encoding: str, charset: str) -> bool:
    try:
        "中".encode(encoding)
        return not charset or codecs.lookup(charset) == codecs.lookup(encoding)
    except (UnicodeEncodeError, LookupError):
        return False


def in_chinese(line: str) -> str:
    """The whole where that is known, else what is known of its parts; nothing is lost of what is not."""
    return _known(line) or _in_parts(line)


@lru_cache(1000)
def _known(line: str) -> str | None:
    """A sentence, several of them in a row, one with its cure behind it, or one that has the form of ours."""
    return SENTENCES.get(line) or _in_a_row(line) or _with_its_cure(line) or _by_its_form(line)


def _in_a_row(line: str) -> str | None:
    for mark, chinese in _ROWS:
        parts = line.split(mark)
        told = [_known(part) for part in parts] if len(parts) > 1 else []
        if told and all(told):
            return chinese.join(filter(None, told))
    return None


def _with_its_cure(line: str) -> str | None:
    for found in re.finditer(": ", line):
        says, cure = _known(line[: found.start()]), _known(line[found.end() :])
        if says and cure:
            return f"{says}：{cure}"
    return None


def _by_its_form(line: str) -> str | None:
    for pattern, chinese in _patterns():
        if found := pattern.fullmatch(line):
            return chinese.format(**{name: in_chinese(value) for name, value in found.groupdict().items()})
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """Those that say the most come first: a short form fits much that is not its own."""
    forms = sorted((one for one in SENTENCES if "{" in one), key=lambda one: -len(_FIELD.sub("", one)))
    return [(_pattern(one), SENTENCES[one]) for one in forms]


def _pattern(form: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def field(name: str) -> str:
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return f"(?P<{name}>-?[0-9.]+)" if name in _NUMBERS else f"(?P<{name}>.+?)"

    parts = _FIELD.split(form)
    return re.compile("".join(field(part) if n % 2 else re.escape(part) for n, part in enumerate(parts)))


def _in_parts(line: str) -> str:
    for mark, chinese in (*_ROWS, (": ", "：")):
        parts = line.split(mark)
        known = [in_chinese(part) for part in parts] if len(parts) > 1 else parts
        if known != parts:
            return chinese.join(known)
    return line
