"""Spans by OpenTelemetry, sent by OTLP where CHECKOUT_OTLP_URL asks for them (`checkout[otel]`).

A span is recorded only where a sampled trace leads to it: what nobody follows costs a look at a flag. Times are
nanoseconds since 1970, as OpenTelemetry has them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from checkout.errors import SettingsError
from checkout.settings import Settings
from checkout.traces import context

# What waits to be sent is thrown away when the collector cannot keep up: traces may be lost, orders may not wait.
MOST_WAITING = 8192
SEND_SECONDS = 5


class Recorder:
    """What one process records with. `share` of the requests that come without a trace begin one."""

    def __init__(self, provider: Any, share: float) -> None:
        from opentelemetry import trace

        self._trace = trace
        self._provider = provider
        self._tracer = provider.get_tracer("checkout")
        self._share = share

    def begins(self, parent: str) -> bool:
        """Whether a request becomes a span: its sender says so, or nobody does and chance decides."""
        if parent:
            return context.is_sampled(parent)
        return random.random() < self._share  # noqa: S311 - which requests are looked at is no secret

    def begin(self, name: str, kind: str, parent: str, links: Iterable[str] = (), began: int | None = None) -> Any:
        """A span that whoever began it ends."""
        trace = self._trace
        return self._tracer.start_span(
            name,
            context=trace.set_span_in_context(trace.NonRecordingSpan(self._place(parent))) if parent else None,
            kind=trace.SpanKind[kind],
            links=[trace.Link(self._place(link)) for link in links],
            start_time=began,
        )

    def fail(self, span: Any, why: str) -> None:
        """Marks the span as one that went wrong."""
        span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, why))

    def _place(self, traceparent: str) -> Any:
        flags = self._trace.TraceFlags(int(traceparent[53:], 16))
        return self._trace.SpanContext(int(traceparent[3:35], 16), int(traceparent[36:52], 16), True, flags)

    def close(self) -> None:
        """Sends what waits."""
        self._provider.shutdown()


_recorder: Recorder | None = None


def start(config: Settings, service: str) -> None:
    """Begins to record in this process, if it is asked for; after a fork, since what sends is a thread.

    Raises SettingsError when the extra is not installed.
    """
    if config.otlp_url and _recorder is None:
        record(Recorder(_provider(config.otlp_url, service), config.trace_share))


def record(recorder: Recorder | None) -> None:
    """Has this process record with it, and with nothing else."""
    global _recorder
    _recorder = recorder


def stop() -> None:
    """Sends what waits, and records nothing more."""
    if _recorder is not None:
        _recorder.close()
        record(None)


def recorder() -> Recorder | None:
    """What this process records with; None: nothing, as nearly everywhere."""
    return _recorder


def _provider(url: str, service: str) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON
    except ImportError as error:
        raise SettingsError("CHECKOUT_OTLP_URL needs more: pip install 'checkout[otel]'") from error
    provider = TracerProvider(ALWAYS_ON, Resource.create({"service.name": service, "service.namespace": "checkout"}))
    exporter = OTLPSpanExporter(endpoint=url, timeout=SEND_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=MOST_WAITING))
    return provider


def place(span: Any) -> str:
    """Where a span stands, as a traceparent."""
    own = span.get_span_context()
    return f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"


@contextmanager
def span(name: str, kind: str, parent: str = "", links: Iterable[str] = (), **about: Any) -> Iterator[None]:
    """The work inside is a span of the parent's trace, or one that the links lead to; without either it is none."""
    followed = [link for link in links if context.is_sampled(link)]
    if _recorder is None or not (context.is_sampled(parent) or followed):
        yield
        return
    made, own = _recorder.begin(name, kind, parent, followed), _recorder
    made.set_attributes(about)
    token = context.current.set(place(made))
    try:
        yield
    except Exception as error:
        own.fail(made, type(error).__name__)
        raise
    finally:
        context.current.reset(token)
        made.end()


def mark(
    name: str, kind: str, parent: str, began: int, links: Iterable[str] = (), ended: int | None = None, **about: Any
) -> None:
    """Tells of work that was done for many at once, and is over (now, or since then), in the trace of one of them."""
    if _recorder is not None and context.is_sampled(parent):
        made = _recorder.begin(name, kind, parent, links, began)
        made.set_attributes(about)
        made.end(ended)
