"""Following the money: notifies, queries, refunds."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

from checkout.db import transaction
from checkout.events import waking
from checkout.metrics import measures
from checkout.payments import notifies, queries, refund_calls
from checkout.payments.queries import Due
from tasks import traces, turn
from tasks.app import app, resources
from tasks.rounds import guarded
from tasks.summary import summary, told

# Below the visibility timeout even when the last claim's calls all run into their deadlines.
QUERY_SECONDS = 40
CLAIM = 2


@app.task(name="apply_notifies", send_events=False)
@told
def apply_notifies(notify_ids: list[int]) -> str:  # noqa: ARG001 - the ids say why it was rung; what waits is applied
    """Applies the notifies that the inbox holds."""
    became: Counter[str] = Counter()
    with traces.Story("apply notify") as story:
        turn.take("apply_notifies", lambda: _apply(became, story))
    return summary(became)


def _apply(became: Counter[str], story: traces.Story) -> int:
    count, began = 0, time.time_ns()
    for applied in notifies.run(resources().engine, resources().rules):
        count += len(applied.outcomes)
        outcomes = Counter(applied.outcomes)
        became += outcomes
        for outcome, times in outcomes.items():
            measures.notifies_applied.add(outcome, count=times)
        waking.wake(resources().redis, applied.wakes)
        story.done([order_id for order_id, _ in applied.wakes], began)
        began = time.time_ns()
    return count


@app.task(name="query_payments", send_events=False)
@told
def query_payments(payment_ids: list[str]) -> None:  # noqa: ARG001 - the ids say why it was rung; what is due is asked
    """Asks Alipay about attempts that are due."""
    end = time.monotonic() + QUERY_SECONDS
    while time.monotonic() < end:
        with transaction(resources().engine) as connection:
            due = queries.claim(connection, CLAIM)
        for attempt in due:
            guarded("queue alipay", partial(_ask, attempt))
        if len(due) < CLAIM:
            return


def _ask(attempt: Due) -> None:
    own = resources()
    with traces.following("ask Alipay", attempt.order_id):
        waking.wake(own.redis, queries.ask(own.engine, own.alipay, attempt, own.rules, own.settings.time_scale))


@app.task(name="send_refunds", send_events=False)
@told
def send_refunds(refund_ids: list[int]) -> None:  # noqa: ARG001 - the ids say why it was rung; what is due is sent
    """Sends the refunds that are due, and asks about those whose answer was lost."""
    end = time.monotonic() + QUERY_SECONDS
    scale = resources().settings.time_scale
    while time.monotonic() < end:
        with transaction(resources().engine) as connection:
            due = refund_calls.claim(connection, scale)
        if due is None:
            return
        guarded("queue refunds", partial(_send, due))


def _send(due: refund_calls.Due) -> None:
    own = resources()
    with traces.following("send refund", due.order_id):
        waking.wake(own.redis, refund_calls.send(own.engine, own.alipay, due, own.settings.time_scale))
