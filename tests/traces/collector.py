"""A collector: takes what is sent to it by OTLP over HTTP, as OpenTelemetry's own protobuf."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Span(NamedTuple):
    """As it was sent; ids in hexadecimal."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: list[str]
    service: str
    about: dict[str, Any]

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


class Collector:
    """What came, in order."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1/traces"

    def of(self, trace_id: str) -> dict[str, Span]:
        """The spans of one trace by their names."""
        return {span.name: span for span in list(self.spans) if span.trace_id == trace_id}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            [service] = [one.value.string_value for one in resource.resource.attributes if one.key == "service.name"]
            self.spans += [_span(one, service) for scope in resource.scope_spans for one in scope.spans]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector._take(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None: ...

        return Handler


def _span(one: Any, service: str) -> Span:
    about = {each.key: each.value.string_value or each.value.int_value for each in one.attributes}
    links = [link.trace_id.hex() for link in one.links]
    return Span(one.name, one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex(), links, service, about)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that is there until the end."""
    made = Collector()
    try:
        yield made
    finally:
        made.close()
