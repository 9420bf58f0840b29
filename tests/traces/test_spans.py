"""Spans are made where a sampled trace leads to them, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from time import time_ns

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from checkout.errors import SettingsError
from checkout.settings import parse
from checkout.traces import context, spans
from tests.traces.test_context import SPAN, TRACE

SAMPLED = f"00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"00-{TRACE}-{SPAN}-00"


@pytest.fixture
def made() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans.record(spans.Recorder(provider, 0))
    yield exporter
    spans.stop()


def test_work_inside_knows_its_place(made: InMemorySpanExporter) -> None:
    with spans.span("outer", "INTERNAL", SAMPLED):
        here = context.current.get()
        with spans.span("inner", "CLIENT", here, number="7"):
            assert context.trace_id(context.current.get()) == TRACE
    inner, outer = made.get_finished_spans()
    assert inner.parent is not None
    assert outer.parent is not None
    assert inner.parent.span_id == int(here[36:52], 16) == outer.context.span_id
    assert f"{outer.parent.span_id:016x}" == SPAN
    assert inner.attributes == {"number": "7"}
    assert context.current.get() == ""


@pytest.mark.parametrize("parent", [UNSAMPLED, ""])
def test_where_no_sampled_trace_leads_there_is_none(made: InMemorySpanExporter, parent: str) -> None:
    with spans.span("work", "CONSUMER", parent, links=[UNSAMPLED]):
        assert context.current.get() == ""
    spans.mark("work", "CONSUMER", parent, time_ns())
    assert made.get_finished_spans() == ()


def test_a_batch_links_its_members(made: InMemorySpanExporter) -> None:
    with spans.span("batch", "CONSUMER", links=[SAMPLED, UNSAMPLED]):
        spans.mark("one", "CONSUMER", SAMPLED, time_ns(), [context.current.get()])
    one, batch = made.get_finished_spans()
    assert [f"{link.context.trace_id:032x}" for link in batch.links] == [TRACE]
    assert one.parent is not None
    assert (f"{one.parent.span_id:016x}", one.links[0].context.span_id) == (SPAN, batch.context.span_id)


def test_what_goes_wrong_is_marked_and_not_swallowed(made: InMemorySpanExporter) -> None:
    with pytest.raises(LookupError), spans.span("work", "INTERNAL", SAMPLED):
        raise LookupError("a secret of the error's own")
    [work] = made.get_finished_spans()
    assert (work.status.status_code, work.status.description) == (StatusCode.ERROR, "LookupError")
    assert not work.events


def test_nobody_loads_what_nobody_asked_for() -> None:
    asks = "import api.app, tasks.app, sys; print([name for name in sys.modules if '.exporter' in name])"
    ran = subprocess.run([sys.executable, "-c", asks], capture_output=True, encoding="utf-8", check=True)
    assert ran.stdout == "[]\n"


def test_without_the_extra_the_setting_is_refused_with_its_cure(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse({**environment, "CHECKOUT_OTLP_URL": "http://127.0.0.1:4318/v1/traces"})
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsError, match=r"pip install 'checkout\[otel\]'"):
        spans.start(config, "api")
