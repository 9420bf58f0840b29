"""Beat, which leaves a heartbeat each second while it rings."""

from __future__ import annotations

import time
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from checkout import db
from checkout.audit import heartbeats
from checkout.db import Engine, transaction
from checkout.settings import Settings
from ops.checkup import Diagnosis

ANSWER_SECONDS = 2.0
LOOK_SECONDS = 0.1


def beat(told: Settings) -> Iterator[Diagnosis]:
    """Whether it makes another round while we look."""
    engine = db.connect(told.database_url, size=1, statement_seconds=int(ANSWER_SECONDS))
    try:
        yield Diagnosis("beat", *_seen(engine))
    except DBAPIError:
        yield Diagnosis("beat", "fail", "it cannot be seen without the database")
    finally:
        engine.dispose()


def _seen(engine: Engine) -> tuple[str, str]:
    end = time.monotonic() + ANSWER_SECONDS
    with transaction(engine) as connection:
        before = heartbeats.last(connection, "beat")
    while time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
        with transaction(engine) as connection:
            if heartbeats.last(connection, "beat") != before:
                return "ok", "it rings"
    return "fail", "it does not ring: start celery -A tasks.app beat"
