"""What all commands share: where the shop is, how an expected fault ends, how answers are printed."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError
from redis import RedisError
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import DBAPIError

from checkout import db, settings
from checkout.db import Engine
from checkout.errors import CheckoutError, SettingsError
from checkout.events import waking
from checkout.language.chinese import told, word
from checkout.resources import Resources
from ops.manual import Manual

DATA_DIR = Path(".checkout")
# Undefined table, column, function, type: the database has no schema of ours, or an older one.
_NO_SCHEMA = ("42P01", "42703", "42883", "42704")

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=DATA_DIR,
    show_default=True,
    help="Where `checkout up` keeps its addresses and secrets; CHECKOUT_* in the environment wins.",
)
_STEERING = ("Cc", "Cf", "Cs", "Zl", "Zp")
ORDER_ID = click.IntRange(1, 2**63 - 1)
USER_ID = click.IntRange(0, 2**63 - 1)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


# libpq gives no SQLSTATE for what is refused while it connects.
_NO_CONNECTION_LEFT = ("too many connections", "too many clients", "remaining connection slots")

EXPECTED = (CheckoutError, DBAPIError, RedisError, KombuError, AMQPError)


# Click makes the context of each command itself.
click.Context.formatter_class = Manual


class Units(click.ParamType[tuple[str, int]]):
    """SKU=N, such as 1=2."""

    name = "sku=n"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        sku_id, _, count = value.rpartition("=")
        if not (sku_id and count.isascii() and count.isdigit() and 1 <= len(count) < 4 and int(count)):
            self.fail(f"{value!r} is not SKU=N with N from 1 to 999", param, ctx)
        return sku_id, int(count)


def summed(items: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The same SKU twice is summed."""
    units: Counter[str] = Counter()
    for sku_id, count in items:
        units[sku_id] += count
    return dict(units)


class Commands(click.Group):
    """Ends an expected fault with its reason on standard error and status 1; a misuse is click's, with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.message = told(error.message)  # type: ignore[misc] # Of whatever class it is, click shows this.
            raise
        except EXPECTED as error:
            raise click.ClickException("\n".join(told(visible(line)) for line in reason(error).split("\n"))) from error


def reason(error: Exception) -> str:
    """What a person needs to know of an expected fault; settings have a line for each that is wrong."""
    if isinstance(error, SettingsError):
        return _faults(error)
    if isinstance(error, CheckoutError):
        path = error.details.get("path", "$")
        return str(error) if path == "$" else f"{path}: {error}"
    if not isinstance(error, DBAPIError):
        return f"the broker does not answer: {_first_line(error)}"
    if db.sqlstate(error) in _NO_SCHEMA:
        return f"the database lacks our schema ({_first_line(error.orig)}): run `checkout migrate` on an empty one"
    if any(words in str(error.orig) for words in _NO_CONNECTION_LEFT):
        return f"the database has no connection left for us: {_first_line(error.orig)}; raise the limit that it names"
    if db.is_passing(error):
        return f"the database does not answer: {_first_line(error.orig)}"
    return f"the database refuses: {_first_line(error.orig)}"


def _faults(error: SettingsError) -> str:
    lines = str(error).replace("; CHECKOUT_", "\nCHECKOUT_")
    if " is missing: " in lines:
        lines += "\n(or name the --data-dir in which `checkout up` runs)"
    return lines


def _first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextmanager
def database(data_dir: Path, statement_seconds: int = db.STATEMENT_SECONDS) -> Iterator[Engine]:
    """The shop's database, for commands that need nothing else. Raises SettingsError."""
    engine = db.connect(settings.database_url(data_dir), size=1, statement_seconds=statement_seconds)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def shop(data_dir: Path) -> Iterator[Resources]:
    """All that a worker of the shop has. Raises SettingsError."""
    resources = Resources(settings.adopt(data_dir), connections=1)
    try:
        yield resources
    finally:
        resources.close()


def ring(task: str, argument: Any) -> None:
    """Rings for the workers, as the API does. Without a broker the scans find the work, a little later."""
    from tasks.app import app  # Celery is only loaded by commands that ring.

    try:
        app.send_task(task, args=[argument], retry=False, ignore_result=True)
    except (KombuError, OSError, RedisError, AMQPError):
        say("the broker does not answer; the workers find it by themselves", err=True)


def wake(resources: Resources, versions: Sequence[tuple[int, int]]) -> None:
    """Tells waiting frontends, after the commit."""
    waking.wake(resources.redis, versions)


def visible(text: str) -> str:
    """What buyers and Alipay wrote must not steer the operator's terminal: it is escaped as JSON does it."""
    return "".join(_escaped(one) if unicodedata.category(one) in _STEERING else one for one in text)


def _escaped(one: str) -> str:
    return f"\\u{ord(one):04x}" if ord(one) <= 0xFFFF else json.dumps(one)[1:-1]


def say(text: str, *, err: bool = False) -> None:
    """Tells a person, in his language, what he does not read by a program."""
    click.echo(told(visible(text)), err=err)


def print_json(answer: Any) -> None:
    """Indented for the eye, UTF-8 whatever the locale is; msgspec's structs are what the API sends."""
    lines = json.dumps(msgspec.to_builtins(answer), ensure_ascii=False, indent=2).split("\n")
    click.echo("\n".join(map(visible, lines)).encode())


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table that folds long cells, and stays wide when nobody looks at a terminal."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(word(column), overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = 240
    console.print(table)


def _cell(value: object) -> str:
    return "" if value is None else visible(str(value))
