"""`checkout orders export`: the books of some days, for the shop's accountant."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import click

from checkout import db, money, settings
from checkout.books import sheets
from checkout.books.entries import ALL_DAYS, Books, Days
from checkout.db import reading
from ops.reconcile import Day
from ops.shell import data_dir_option, say

STATEMENT_SECONDS = 3600
MOST_DAYS = 3700


@click.command()
@click.option("--from", "first", type=Day(), required=True, help="The first day, in Beijing.")
@click.option("--to", "last", type=Day(), required=True, help="The last day, which is included.")
@click.option(
    "--format", "kind", type=click.Choice(sheets.FORMATS), default="csv", show_default=True, help="What is written."
)
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to.  [default: the standard output]"
)
@data_dir_option
def export(first: date, last: date, kind: str, output: Path | None, data_dir: Path) -> None:
    """Export orders, their money and its sums.

    Each with its lines, payments and refunds; the sums are those of Alipay's bills. Lines belong to the day on
    which the order was placed, money to the day on whose bill it is. All of it is read in one snapshot. Nobody's
    name or address is part of it.
    """
    if not 0 <= (last - first).days < MOST_DAYS:
        raise click.BadParameter("the last day comes before the first, or years behind it", param_hint="--to")
    if output is None and kind == "xlsx" and sys.stdout.isatty():
        raise click.UsageError("name a file: --output FILE.xlsx")
    if output is not None and not output.parent.is_dir():
        raise click.BadParameter(f"there is no folder {output.parent}", param_hint="--output")
    url = settings.database_url(data_dir)
    engine = db.connect(url, size=1, statement_seconds=STATEMENT_SECONDS, by_index=False)
    try:
        with reading(engine) as connection, _opened(output) as file:
            books = Books(connection, Days(first, last))
            _write(books, sheets.writer(kind, file))
    finally:
        engine.dispose()


def _write(books: Books, writer: sheets.Writer) -> None:
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=books.count(), label="exporting", file=sys.stderr, hidden=hidden) as bar:
        for records in books.orders():
            writer.write(records)
            bar.update(1)
    sums = books.sums()
    writer.write(sums)
    writer.close()
    told = [one for one in sums if one["day"] == ALL_DAYS]
    click.echo(", ".join(f"{one['count']} {one['what']} {money.yuan(one['amount_fen'])}" for one in told), err=True)
    agrees = books.agrees()
    if agrees is None:
        say("not every day's bill is here: see checkout reconcile", err=True)
    else:
        say("the bills agree" if agrees else "the bills differ: see checkout reconcile", err=True)


@contextmanager
def _opened(output: Path | None) -> Iterator[IO[bytes]]:
    """The file, whole or not at all."""
    if output is None:
        yield sys.stdout.buffer
        return
    with NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            Path(file.name).replace(output)
        except BaseException:
            Path(file.name).unlink()
            raise
