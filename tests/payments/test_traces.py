"""What becomes of an order's money is told in the trace of its request, down to each call to Alipay."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.exc import OperationalError

from checkout.db import Connection, sql, transaction
from checkout.orders.ledger import Payment
from checkout.traces import kept, spans
from tasks import pay, traces, turn
from tests.payments.shop import Shop
from tests.shared.factories import row
from tests.shared.processes import eventually

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HURRY = "UPDATE payments SET due_at = now() - interval '1 hour', leased_until = NULL"


@pytest.fixture
def told() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.record(spans.Recorder(provider, 0))
    yield exporter
    spans.stop()


@pytest.fixture
def payment(shop: Shop, in_process: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Payment:
    """An attempt of an order with a trace; this process is a worker of its shop."""
    del in_process  # The tasks' Celery application reads the environment.
    for module in (pay, traces, turn):
        monkeypatch.setattr(module, "resources", lambda: shop.resources, raising=False)
    offered = shop.offered()
    with transaction(shop.engine) as connection:
        kept.keep(connection, {offered.order_id: f"00-{TRACE}-{SPAN}-01"})
    return offered


def by_name(told: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    """All that was told belongs to the one trace."""
    found = told.get_finished_spans()
    assert {f"{span.context.trace_id:032x}" for span in found} == {TRACE}
    return {span.name: span for span in found}


def parent_of(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


def test_a_question_and_a_refund_have_alipays_call_in_them(
    shop: Shop, payment: Payment, told: InMemorySpanExporter
) -> None:
    shop.pay(payment)
    with transaction(shop.engine) as connection:
        connection.execute(sql(HURRY))
    pay.query_payments([])
    assert shop.row(payment).kept
    shop.refund(payment, 500)
    pay.send_refunds([])
    found = by_name(told)
    for step, call in (("ask Alipay", "alipay.trade.query"), ("send refund", "alipay.trade.refund")):
        assert parent_of(found[step]) == int(SPAN, 16)
        assert found[step].attributes == {"order_id": str(payment.order_id)}
        assert parent_of(found[call]) == found[step].context.span_id


def test_a_notify_that_is_applied_is_told(shop: Shop, payment: Payment, told: InMemorySpanExporter) -> None:
    shop.pay(payment)
    [paid] = [one for one in shop.gateway.notifies(payment.out_trade_no) if one["event"] == "TRADE_SUCCESS"]
    shop.gateway.admin("POST", "notifies/resend", {"notify_id": paid["notify_id"]})
    with transaction(shop.engine) as connection:
        count = "SELECT count(*) FROM notifies WHERE applied_at IS NULL"
        eventually(lambda: bool(connection.execute(sql(count)).scalar_one()), "the notify is stored")
    pay.apply_notifies([])
    assert row(shop.engine, "payments", order_id=payment.order_id).kept
    assert parent_of(by_name(told)["apply notify"]) == int(SPAN, 16)


def test_batches_of_one_turn_are_told_at_its_end_with_one_look_and_the_times_of_each(
    payment: Payment, told: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look after each batch cost as much as a small batch."""
    looks: list[list[int]] = []
    of = kept.of

    def look(connection: Connection, order_ids: Collection[int]) -> dict[int, str]:
        looks.append(list(order_ids))
        return of(connection, order_ids)

    monkeypatch.setattr(kept, "of", look)
    with traces.Story("place order") as story:
        story.done([payment.order_id], began=1_000)
        between = time.time_ns()
        story.done([payment.order_id + 1, payment.order_id], began=between)
        assert told.get_finished_spans() == ()
    first, second = told.get_finished_spans()
    assert looks == [[payment.order_id, payment.order_id + 1, payment.order_id]]
    assert (first.start_time, second.start_time) == (1_000, between)
    assert first.end_time is not None
    assert first.end_time <= between


def test_a_turn_of_a_backlog_is_told_bit_by_bit(
    payment: Payment, told: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "MOST_UNTOLD", 2)
    with traces.Story("place order") as story:
        story.done([payment.order_id], began=1_000)
        story.done([payment.order_id + 1], began=2_000)
        assert [span.start_time for span in told.get_finished_spans()] == [1_000]


def test_a_look_that_fails_loses_the_story_and_not_the_turn(
    payment: Payment, told: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_connection: Connection, _order_ids: Collection[int]) -> dict[int, str]:
        raise OperationalError("SELECT", {}, Exception("the server has gone"))

    monkeypatch.setattr(kept, "of", away)
    with traces.Story("place order") as story:
        story.done([payment.order_id], began=1_000)
    assert told.get_finished_spans() == ()


def test_nobody_looks_while_a_turn_fails(
    payment: Payment, told: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look might hide the fault, or be what a time limit no longer allows."""
    looks: list[Collection[int]] = []
    monkeypatch.setattr(kept, "of", lambda _connection, order_ids: looks.append(order_ids))
    with pytest.raises(TimeoutError), traces.Story("place order") as story:
        story.done([payment.order_id], began=1_000)
        raise TimeoutError
    assert (looks, told.get_finished_spans()) == ([], ())
