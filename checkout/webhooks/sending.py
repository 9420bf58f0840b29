"""What one round sends to one endpoint: many subjects at once, each in its order, as long as somebody is there."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field

import msgspec

from checkout.events.log import Logged
from checkout.metrics import measures
from checkout.traces import context, spans
from checkout.webhooks.posting import LONGEST_ANSWER, Answer, NotAllowed, Postman
from checkout.webhooks.subjects import Subject

ROUND_SECONDS = 15.0
POSTS_AT_ONCE = 8


@dataclass
class Post:
    """What is sent of one subject, and what became of it; `aside` when it was set aside before."""

    events: Sequence[Logged]
    aside: Subject | None = None
    more: Logged | None = None  # The last one that was read, when there may be others behind it.
    taken: list[tuple[Logged, Answer]] = field(default_factory=list)
    failed: tuple[Logged, Answer] | None = None

    @property
    def is_done(self) -> bool:
        return self.failed is not None or len(self.taken) == len(self.events)

    @property
    def is_untouched(self) -> bool:
        return bool(self.events) and not self.taken and self.failed is None


class _Course:
    """How a round goes: it ends when its time is over, or when nobody seems to be there."""

    def __init__(self, patience: int) -> None:
        self._end = time.monotonic() + ROUND_SECONDS
        self._patience = patience
        self._taken = self._unanswered = 0
        self._gone = False

    @property
    def is_over(self) -> bool:
        nobody = not self._taken and self._unanswered >= self._patience
        return self._gone or nobody or time.monotonic() > self._end

    def note(self, answer: Answer) -> None:
        self._taken += answer.is_taken
        self._unanswered += answer.is_away
        self._gone |= answer.is_gone


def send(url: str, secrets: Sequence[str], private: bool, posts: Sequence[Post], patience: int) -> None:
    """Sends what it can in its time, the first posts first; each knows what became of it.

    After so many in a row without an answer, as `patience` says, nobody is there.
    """
    begun = [post for post in posts if post.events]
    if not begun:
        return
    try:
        postman = Postman(url, secrets, private)
    except (NotAllowed, OSError) as error:
        says = f"not sent: {str(error)[:LONGEST_ANSWER]}"
        first = next((post for post in begun if post.aside is None), begun[0])
        first.failed = first.events[0], Answer(None, says, is_sent=False)
        return
    course = _Course(patience)
    with closing(postman), ThreadPoolExecutor(min(POSTS_AT_ONCE, len(begun))) as pool:
        list(pool.map(lambda post: _post(postman, course, post), begun))


def _post(postman: Postman, course: _Course, post: Post) -> None:
    """One subject's events in their order, as far as they are taken."""
    for event in post.events:
        if course.is_over:
            return
        answer = _sent(postman, event)
        course.note(answer)
        measures.webhooks_posted.add(answer.kind)
        if not answer.is_taken:
            post.failed = event, answer
            return
        post.taken.append((event, answer))


def _sent(postman: Postman, event: Logged) -> Answer:
    traceparent = event.traceparent or ""
    with spans.span(f"webhook {event.topic}", "CLIENT", traceparent, event_id=str(event.id)):
        here = context.current.get() or traceparent
        return postman.post(str(event.id), msgspec.json.encode(event.cloud_event()), here)
