"""`python -m tests.payments.worker`: what the workers of all queues do, in one process that may be killed.

The loops are those of tasks/, without a broker: every doorbell is lost, and what is due is found in the database.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from checkout import db, logs, settings
from checkout.db import sql, transaction
from checkout.orders import closing, turns
from checkout.payments import notifies, queries, refund_calls
from checkout.resources import Resources

IDLE_SECONDS = 0.03
AT_WORK = "a worker is at work"
DEADLOCK = "40P01"

_OLDEST = sql("SELECT order_id FROM arrivals ORDER BY order_id LIMIT 1")


def place(own: Resources) -> bool:
    with transaction(own.engine) as connection:
        oldest = list(connection.execute(_OLDEST).scalars())
    return bool(oldest) and any(batch.count for batch in turns.run(own.engine, oldest, own.terms))


def hear(own: Resources) -> bool:
    with transaction(own.engine) as connection:
        return bool(notifies.apply(connection, own.rules).outcomes)


def expire(own: Resources) -> bool:
    with transaction(own.engine) as connection:
        return bool(closing.expire(connection, 50)[1])


def ask(own: Resources) -> bool:
    with transaction(own.engine) as connection:
        due = queries.claim(connection, 2)
    for attempt in due:
        queries.ask(own.engine, own.alipay, attempt, own.rules, own.settings.time_scale)
    return bool(due)


def refund(own: Resources) -> bool:
    with transaction(own.engine) as connection:
        due = refund_calls.claim(connection, own.settings.time_scale)
    if due:
        refund_calls.send(own.engine, own.alipay, due, own.settings.time_scale)
    return due is not None


def repeat(*steps: Callable[[Resources], bool], own: Resources) -> None:
    """For ever; an error ends the process, for it is a finding. What passes is tried again, as Celery does it."""
    try:
        while True:
            if not any_done(steps, own):
                time.sleep(IDLE_SECONDS)
    except BaseException:  # noqa: BLE001 - it is shown, and nothing survives it
        traceback.print_exc()
        os._exit(1)


def any_done(steps: tuple[Callable[[Resources], bool], ...], own: Resources) -> bool:
    try:
        return sum(step(own) for step in steps) > 0
    except DBAPIError as error:
        if not db.is_passing(error) or db.sqlstate(error) == DEADLOCK:
            raise
        return False


def main() -> None:
    logs.configure()
    own = Resources(settings.current(), connections=6)
    with own.engine.connect():
        print(AT_WORK, flush=True)  # noqa: T201 - who kills workers reads it
    for steps in ((place, hear, expire), (ask,), (ask,)):
        threading.Thread(target=repeat, args=steps, kwargs={"own": own}, daemon=True).start()
    repeat(refund, own=own)


if __name__ == "__main__":
    main()
