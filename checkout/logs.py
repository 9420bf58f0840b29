"""JSON lines on standard error: one event a line, with ids and codes, never with secrets or personal data."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from checkout.traces import context

# One list for the whole life of a process: loggers keep the one they first saw.
_STEPS: list[Processor] = [
    context.told,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    structlog.processors.JSONRenderer(),
]


def configure(level: int = logging.INFO) -> None:
    """Sets structlog up for this process; a library's own records stay with the logging module."""
    structlog.configure(
        processors=_STEPS,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
