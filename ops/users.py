"""`checkout users`: what a user may ask of the shop about himself."""

from __future__ import annotations

from pathlib import Path

import click

from checkout import clock
from checkout.db import reading, transaction
from checkout.erasure import orders, wishes
from ops.shell import USER_ID, data_dir_option, json_option, print_json, say, shop, wake


@click.group()
def users() -> None:
    """What concerns one user."""


@users.command()
@click.argument("user_id", metavar="ID", type=USER_ID)
@data_dir_option
@json_option
def erase(user_id: int, data_dir: Path, as_json: bool) -> None:
    """Erase a user from his orders.

    Nobody knows any more for whom the orders of the user ID were, or will be. The wish is kept, and applied to each of
    his orders at its end. Books, notifies and bills keep numbers, times and amounts. Orders that have ended are
    erased at once, the stored bills within a minute.
    """
    with shop(data_dir) as resources:
        with transaction(resources.engine) as connection:
            wishes.store(connection, user_id)
        for wakes in orders.run(resources.engine, resources.settings.retention_seconds):
            wake(resources, wakes)
        with reading(resources.engine) as connection:
            wish = wishes.show(connection, user_id)
    if as_json:
        print_json(wish._asdict() | {"user_id": str(user_id), "wished_at": clock.rfc3339(wish.wished_at)})
    else:
        say(f"{wish.erased} orders are erased, {wish.to_come} will be at their end")
