"""`python -m api`: serves the application under granian."""

from __future__ import annotations

import errno
import multiprocessing
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click
from granian.constants import HTTPModes, Interfaces, Loops

from api.keys import Keys
from api.metrics import exposition
from api.rolling import RollingServer
from checkout import logs, settings, startup
from checkout.alipay import certificates, keys
from checkout.errors import SettingsError
from checkout.metrics.counting import SharedCounts
from checkout.metrics.server import MOST_AT_ONCE, MetricsServer
from checkout.resources import Resources
from checkout.settings import Settings

BACKLOG = 4096
# What is under way when a process ends has so long; a call to Alipay is the longest.
LONGEST_END_SECONDS = 30
# Every frontend that waits is a request under way; at this many a process accepts nobody else.
MOST_UNDER_WAY = 50_000


def _address(host: str, port: int) -> str:
    """The IP address to listen on, which is what granian takes.

    granian shares a port that another server has (SO_REUSEPORT); requests would go here and there, so it is refused.
    """
    try:
        [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise click.ClickException(f"{host} is no address of this machine: choose another with --host") from error
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise click.ClickException(f"{host} cannot be listened on ({error.strerror}): see --host") from error
            raise click.ClickException(f"port {port} is taken: choose another with --port") from error
    return str(address[0])


@contextmanager
def counted(told: Settings) -> Iterator[None]:
    """Its processes count into files of one directory, which the metrics' port adds up; without a port nobody asks."""
    if not told.metrics_port:
        yield
        return
    with closing(SharedCounts()) as counts:
        _metrics(told, counts).start()
        yield


def _metrics(told: Settings, counts: SharedCounts) -> MetricsServer:
    resources = Resources(told, connections=MOST_AT_ONCE)
    try:
        return MetricsServer(told.metrics_port, told.metrics_token, lambda: counts.told() + exposition(resources))
    except OSError as error:
        cure = f"port {told.metrics_port} is taken: set another CHECKOUT_METRICS_PORT"
        raise click.ClickException(cure) from error


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=max(2, (os.cpu_count() or 2) // 2), show_default=True, help="Processes.")
def main(host: str, port: int, workers: int) -> None:
    """Serve the checkout API."""
    try:
        told = settings.current()
        Keys(told.jwt_secret, told.jwks)
        startup.refuse_what_cannot_serve(told)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    logs.configure()
    certificates.warn(keys.load(told))
    # Threads and forks go ill together, and this process answers Prometheus in threads.
    multiprocessing.set_start_method("spawn")
    with counted(told):
        _serve(_address(host, port), port, workers)


def _serve(address: str, port: int, workers: int) -> None:
    RollingServer(
        "api.app:app",
        address=address,
        port=port,
        interface=Interfaces.ASGI,
        factory=True,
        workers=workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,  # An upgrade is then a request like others.
        backlog=BACKLOG,
        backpressure=MOST_UNDER_WAY,
        log_access=False,
        respawn_failed_workers=True,  # Otherwise one dead worker stops the server.
        workers_kill_timeout=LONGEST_END_SECONDS,
    ).serve()


if __name__ == "__main__":
    main()
