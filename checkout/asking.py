"""Several questions at the same time, with an end to the waiting: one that hangs must not cost the other answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, questions: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """The answers that came in time, by name. Raises what a question raised."""
    asked = {name: _asked(name, question) for name, question in questions.items()}
    wait(asked.values(), seconds)
    return {name: answer.result() for name, answer in asked.items() if answer.done()}


def _asked(name: str, question: Callable[[], T]) -> Future[T]:
    """By a thread for which nobody waits at the end of the process."""
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001 - whoever reads the answer gets it
            answer.set_exception(error)

    threading.Thread(target=ask, name=f"ask {name}", daemon=True).start()
    return answer
