"""One question that hangs costs no other its answer, and nobody waits for it for ever."""

from __future__ import annotations

import threading

import pytest

from checkout.asking import within


def test_who_hangs_is_left_behind() -> None:
    gate = threading.Event()
    questions = {"hangs": gate.wait, "answers": lambda: True, "answers too": lambda: False}
    try:
        assert within(3.0, questions) == {"answers": True, "answers too": False}
    finally:
        gate.set()


def test_all_are_asked_at_the_same_time() -> None:
    meeting = threading.Barrier(3)
    assert sorted(within(60.0, dict.fromkeys("abc", meeting.wait)).values()) == [0, 1, 2]


def test_what_a_question_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        within(60.0, {"one": lambda: 1, "two": lambda: 1 // 0})
