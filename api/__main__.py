"""`python -m api`: serves the application under granian."""

from __future__ import annotations

import os
import socket

import click
from granian.constants import HTTPModes, Interfaces, Loops
from granian.server import Server

from checkout import settings
from checkout.errors import SettingsError

BACKLOG = 4096
# Every frontend that waits is a request under way; at this many a process accepts nobody else.
MOST_UNDER_WAY = 50_000


def _refuse_taken(host: str, port: int) -> None:
    """granian shares a port that another server has (SO_REUSEPORT); requests would go here and there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise click.ClickException(f"port {port} is taken: choose another with --port") from error


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=max(1, (os.cpu_count() or 2) // 2), show_default=True, help="Processes.")
def main(host: str, port: int, workers: int) -> None:
    """Serve the checkout API."""
    try:
        settings.current()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    _refuse_taken(host, port)
    Server(
        "api.app:app",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        backlog=BACKLOG,
        backpressure=MOST_UNDER_WAY,
        log_access=False,
        respawn_failed_workers=True,  # Otherwise one dead worker stops the server.
        workers_kill_timeout=10,
    ).serve()


if __name__ == "__main__":
    main()
