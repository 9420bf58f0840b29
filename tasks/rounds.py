"""The rounds of our loops: each leaves its heartbeat, and what nobody foresaw ends one thing, not its neighbours."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable
from typing import ParamSpec

from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from checkout.audit import heartbeats
from checkout.db import transaction
from tasks.app import app, resources

log = get_logger(__name__)

P = ParamSpec("P")
_beaten_at: dict[str, float] = defaultdict(float)


def beats(loop: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """A task that completed has made a round of that loop."""

    def decorated(run: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(run)
        def beating(*args: P.args, **kwargs: P.kwargs) -> None:
            run(*args, **kwargs)
            beat(loop)

        return beating

    return decorated


def beat(loop: str) -> None:
    """Leaves a heartbeat, now and then."""
    if time.monotonic() >= _beaten_at[loop] + heartbeats.EVERY_SECONDS:
        _beaten_at[loop] = time.monotonic()
        with transaction(resources().engine) as connection:
            heartbeats.beat(connection, loop)


def guarded(loop: str, step: Callable[[], None]) -> None:
    """Does one of many things. What nobody foresaw is logged and counted, and the others have their turn."""
    try:
        step()
    except Exception as error:
        log.exception("unforeseen", loop=loop)
        try:
            with transaction(resources().engine) as connection:
                heartbeats.fault(connection, loop, type(error).__name__)
        except SQLAlchemyError as lost:
            log.warning("fault_not_counted", error=type(lost).__name__)


@app.task(name="pass_through", send_events=False)
def pass_through(queue: str) -> None:
    """Whoever works on this queue works."""
    with transaction(resources().engine) as connection:
        heartbeats.beat(connection, f"queue {queue}")
