"""`python -m sandbox.shop`: serves the demo shop's page under granian."""

import click
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server import Server

from checkout import settings
from checkout.errors import SettingsError

_THREADS = 4


@click.command(help="Serve the demo shop's page; it reads the CHECKOUT_* settings of the service it buys from.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), required=True)
def main(host: str, port: int) -> None:
    try:
        settings.current()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    Server(
        "sandbox.shop.app:app",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        blocking_threads=_THREADS,
        http1_settings=HTTP1Settings(keep_alive=False),  # An idle browser would hold up the stop.
        websockets=False,
        log_access=False,
        respawn_failed_workers=True,  # Otherwise one dead worker stops the server.
        workers_kill_timeout=2,
    ).serve()


if __name__ == "__main__":
    main()
