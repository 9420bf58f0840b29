"""A request's place in a trace: the one that its sender names, or one that begins here."""

from __future__ import annotations

from typing import Any

from checkout.traces import context, spans

# In a request's scope: to which trace it belongs, where it does.
TRACE = "checkout.traceparent"


class Visit:
    """One request. Each is a task of its own, so that what is current in it is nobody else's."""

    def __init__(self, scope: dict[str, Any]) -> None:
        self._scope = scope
        self._span: Any = None
        header = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        place = context.parsed(header.decode("latin-1")) if header else ""
        recorder = spans.recorder()
        if recorder is not None and recorder.begins(place):
            self._span = recorder.begin(scope["method"], "SERVER", place)
            place = spans.place(self._span)
        if place:
            scope[TRACE] = place
            context.current.set(place)

    def answered(self, route: str, status: int) -> None:
        """Names as OpenTelemetry's conventions for HTTP have them; a stream is over when it begins."""
        if self._span is None:
            return
        method = self._scope["method"]
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes(
            {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        )
        recorder = spans.recorder()
        if status >= 500 and recorder is not None:
            recorder.fail(self._span, str(status))
        self._span.end()
