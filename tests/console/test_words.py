"""Whatever the service may say has its word in the console, in both languages."""

from __future__ import annotations

import re

import pytest

from api.pages import CONSOLE
from checkout.audit import stuck
from checkout.events.topics import TOPICS
from checkout.schema import words


def table(file: str, name: str) -> set[str]:
    """The names that a table of that module has."""
    text = CONSOLE.files[file].content.decode()
    found = re.search(rf"const {name} = {{\n?(.*?)\n?}};", text, re.DOTALL)
    assert found is not None, name
    return {first or other for first, other in re.findall(r'(?:"([\w. ]+)"|\b(\w+)): ["\[]', found[1])}


@pytest.mark.parametrize(
    ("file", "name", "said"),
    [
        ("words.js", "KIND", stuck.KINDS),
        ("matters.js", "CURES", stuck.KINDS),
        ("words.js", "STATUS", words.TYPES["order_status"]),
        ("words.js", "EVENT", [topic for topic in TOPICS if not topic.startswith("stock.")]),
    ],
)
def test_each_word_of_the_service_is_known(file: str, name: str, said: tuple[str, ...]) -> None:
    assert set(said) - table(file, name) == set()


def test_one_that_is_missing_is_noticed() -> None:
    assert {"order_parked", "never_heard_of"} - table("words.js", "KIND") == {"never_heard_of"}
