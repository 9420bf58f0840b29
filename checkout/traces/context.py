"""A place in a trace, as W3C's Trace Context writes it: `00-<trace>-<span>-<flags>` in lower-case hexadecimal."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-((?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})-[0-9a-f]([0-9a-f])(-.*)?")

# Where the work at hand belongs; empty: to no trace.
current: ContextVar[str] = ContextVar("traceparent", default="")


def parsed(header: str) -> str:
    """The header in version 00's words, or nothing for what is no traceparent; a newer version's is read so far."""
    match = _FORM.fullmatch(header)
    if match is None or (match[1] == "00" and match[4]):
        return ""
    return f"00-{match[2]}-0{int(match[3], 16) & 1}"


def is_sampled(traceparent: str) -> bool:
    """Whether who began the trace records it, and wants us to."""
    return traceparent.endswith("1")


def trace_id(traceparent: str) -> str:
    return traceparent[3:35]


def told(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A log line says to which trace it belongs."""
    if traceparent := current.get():
        event["trace_id"] = trace_id(traceparent)
    return event
