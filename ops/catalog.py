"""`checkout catalog` and `checkout stock`: what is sold, and how much of it is there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from checkout.db import Engine, transaction
from checkout.stock import catalog as catalogue
from checkout.stock import lists
from checkout.stock import units as stocks
from checkout.stock.catalog import Item
from ops.shell import data_dir_option, database, say

# click would take -5 for an option.
_NEGATIVE_NUMBERS = {"ignore_unknown_options": True}


@click.group()
def catalog() -> None:
    """What is sold."""


@catalog.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@data_dir_option
def load(file: Path, data_dir: Path) -> None:
    """Load SKUs from FILE, a .csv with a header or a .json list.

    Its members are sku_id, spu_id, title, price (yuan), stock and on_sale, and as one likes weight_g and
    limit_per_user (0: none). Loading again updates all but the stock of SKUs that are known; weight and limit only
    where they stand there. A CSV may be as Excel writes it: UTF-8 or GBK, with commas or semicolons. Nothing is loaded
    when a line is wrong; when loading is interrupted it can be begun again.
    """
    if file.suffix not in (".csv", ".json"):
        raise click.BadParameter("a .csv or a .json file is expected", param_hint="FILE")
    with database(data_dir) as engine:
        items = lists.parse(file.read_bytes(), is_json=file.suffix == ".json")
        added, updated = load_all(engine, items)
    say(f"added {added}, updated {updated}")


def load_all(engine: Engine, items: Sequence[Item]) -> tuple[int, int]:
    """Adds and updates them, a chunk a transaction. Returns (added, updated)."""
    added = updated = 0
    with click.progressbar(length=len(items), label="loading", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        for chunk in catalogue.chunks(items):
            with transaction(engine) as connection:
                counts = catalogue.load(connection, chunk)
            added, updated = added + counts[0], updated + counts[1]
            bar.update(len(chunk))
    return added, updated


@click.group()
def stock() -> None:
    """How many units can be sold; each change is written down."""


_key = click.option("--key", help="An idempotency key; the same key again changes nothing more.")


@stock.command(name="set", context_settings=_NEGATIVE_NUMBERS)
@click.argument("sku")
@click.argument("n", type=click.IntRange(min=0))
@_key
@data_dir_option
def set_units(sku: str, n: int, key: str | None, data_dir: Path) -> None:
    """Make N units of SKU sellable."""
    with database(data_dir) as engine, transaction(engine) as connection:
        changed = stocks.put(connection, sku, n, key or None)
    say(f"{sku} has {changed.stock}")


@stock.command(name="add", context_settings=_NEGATIVE_NUMBERS)
@click.argument("sku")
@click.argument("n", type=int)
@_key
@data_dir_option
def add_units(sku: str, n: int, key: str | None, data_dir: Path) -> None:
    """Add N sellable units of SKU; a negative N takes some away."""
    with database(data_dir) as engine, transaction(engine) as connection:
        changed = stocks.add(connection, sku, n, key or None)
    say(f"{sku} has {changed.stock}")
