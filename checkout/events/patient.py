"""py-amqp with an end to each wait: a broker that says nothing more would otherwise hold its caller for ever.

The library's own `read_timeout` bounds nothing, and declare and close have none (facts for py-amqp under kombu 5.7).
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, pyamqp

SILENCE_SECONDS = 5.0


class Connection(pyamqp.Connection):
    """A wait that names no end has this one."""

    def drain_events(self, timeout: float | None = None) -> Any:
        """Raises TimeoutError when the broker is silent."""
        return super().drain_events(timeout=SILENCE_SECONDS if timeout is None else timeout)


class Transport(pyamqp.Transport):
    """amqp://"""

    Connection = Connection


class SSLTransport(pyamqp.SSLTransport):
    """amqps://"""

    Connection = Connection


def install() -> None:
    """All connections of this process to RabbitMQ, Celery's too, are patient to an end."""
    TRANSPORT_ALIASES["amqp"] = f"{__name__}:Transport"
    TRANSPORT_ALIASES["amqps"] = f"{__name__}:SSLTransport"
