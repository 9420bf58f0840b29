"""`checkout events`: follow the events, read the log again, drop a subscriber."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from checkout.db import transaction
from checkout.events import bus, log
from checkout.events.log import CloudEvent
from ops.shell import data_dir_option, database, say, shop, visible

AT_ONCE = 500


@click.group()
def events() -> None:
    """Follow the events as JSON lines."""


@events.command()
@data_dir_option
@click.option("--queue", help="A durable subscriber of that name: while nobody tails it, its events wait.")
@click.option("--bind", "patterns", multiple=True, default=("#",), show_default=True, help="Such as 'payment.#'.")
def tail(data_dir: Path, queue: str | None, patterns: tuple[str, ...]) -> None:
    """Print events as they come. Until Ctrl-C; without --queue from now on only."""
    with shop(data_dir) as resources, _while_read():
        _print(bus.subscribe(resources.settings.events_url, queue, patterns, stop=_leaving()))


@events.command()
@data_dir_option
@click.option("--after", type=click.IntRange(min=0), required=True, help="The id of the last event that was seen.")
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="How many at the most.")
def replay(data_dir: Path, after: int, limit: int) -> None:
    """Print what the log holds behind an event, as far as it was sent."""
    with database(data_dir) as engine, _while_read():
        while limit > 0:
            with transaction(engine) as connection:
                page = log.published_after(connection, after, min(limit, AT_ONCE))
            _print(event.cloud_event() for event in page)
            if len(page) < AT_ONCE:
                return
            after, limit = page[-1].id, limit - len(page)


@events.command()
@click.argument("name")
@data_dir_option
def drop(name: str, data_dir: Path) -> None:
    """Delete the durable subscriber NAME with all that waits for it."""
    with shop(data_dir) as resources:
        bus.drop(resources.settings.events_url, name)
    say(f"{name} is gone")


def _print(told: Iterable[CloudEvent | dict[str, Any]]) -> None:
    for event in told:
        click.echo(visible(msgspec.json.encode(event).decode()).encode())  # Which flushes, too.


@contextlib.contextmanager
def _while_read() -> Iterator[None]:
    """A reader that has gone is a good end."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end.


def _leaving() -> Callable[[], bool]:
    """Whether Ctrl-C, SIGTERM or a reader that has gone asks for the end; what was printed is then acknowledged."""
    told: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: told.append(number))
    reader = select.poll()
    reader.register(sys.stdout.fileno(), 0)  # A pipe without a reader is an error, which is always told.
    return lambda: bool(told or reader.poll(0))
