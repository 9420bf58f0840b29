"""The `checkout` command."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path

import click

from api.auth import LARGEST_USER_ID, issue
from checkout import clock, logs, settings
from ops.catalog import catalog, stock
from ops.doctor import doctor
from ops.events import events
from ops.health import audit, migrate
from ops.orders import orders
from ops.payments import payments
from ops.reconcile import reconcile
from ops.refunds import refunds
from ops.shell import Commands, data_dir_option
from ops.stuck import stuck
from ops.users import users
from ops.webhooks import webhooks


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="checkout")
def main() -> None:
    """Orders without oversell, every yuan followed through Alipay."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # A terminal in GBK has no emoji.
            stream.reconfigure(errors="replace")
    logs.configure(logging.WARNING)


class Duration(click.ParamType[str]):
    """Text like 90s, 30m, 12h or 7d; what wants seconds reads them by `clock.duration_seconds`."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            clock.duration_seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


@main.command()
@data_dir_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Of the API: who may reach it.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Of the API.")
@click.option("--flower-port", type=click.IntRange(1, 65535), default=5555, show_default=True, help="Of Flower.")
@click.option(
    "--alipay-port", type=click.IntRange(1, 65535), default=8088, show_default=True, help="Of the local Alipay gateway."
)
@click.option(
    "--pay-window",
    type=Duration(),
    default="30m",
    show_default=True,
    envvar="CHECKOUT_PAY_WINDOW",
    help="How long an order can be paid.",
)
@click.option(
    "--time-scale",
    type=click.FloatRange(1, 100_000),
    default=1,
    show_default=True,
    envvar="CHECKOUT_TIME_SCALE",
    help="Divides the times of the Alipay side, never the pay window.",
)
@click.option("--verbose", is_flag=True, help="Show what the services log.")
def up(
    data_dir: Path,
    host: str,
    port: int,
    flower_port: int,
    alipay_port: int,
    pay_window: str,
    time_scale: float,
    verbose: bool,
) -> None:
    """Start the whole stack on this machine, until Ctrl-C."""
    from ops.up import run_up  # The stand-ins are an extra; a production install has none of them.

    own = settings.environment()
    sys.exit(
        run_up(data_dir, host, port, flower_port, alipay_port, pay_window, time_scale, environ=own, verbose=verbose)
    )


@main.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the stack's data here, instead of a directory that goes away.",
)
@click.option("--keep", is_flag=True, help="Leave the stack running at the end, until Ctrl-C.")
def demo(data_dir: Path | None, keep: bool) -> None:
    """Drive real orders through a whole stack. It is started for that, audited, and stopped."""
    from ops.demo import run_demo  # As above.

    sys.exit(run_demo(keep, data_dir))


@main.command()
@data_dir_option
@click.option("--user", type=click.IntRange(0, LARGEST_USER_ID), required=True, help="The user's id.")
@click.option("--operator", is_flag=True, help="Let the bearer make an operator's calls.")
@click.option("--ttl", type=Duration(), default="12h", show_default=True, help="How long the token holds.")
def token(data_dir: Path, user: int, operator: bool, ttl: str) -> None:
    """Print a bearer token for the API."""
    secret = settings.jwt_secret(data_dir)
    click.echo(issue(secret, user, is_operator=operator, ttl_seconds=clock.duration_seconds(ttl)))


for command in (
    *(migrate, catalog, stock, orders, payments, refunds, reconcile, events, webhooks, users, stuck, audit, doctor),
):
    main.add_command(command)

if __name__ == "__main__":
    main()
