"""`checkout doctor`: whether each part is there and fit, and what to do when it is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from checkout import settings
from checkout.errors import SettingsError
from ops.checkup import Diagnosis, alipay, stores
from ops.checkup.workers import workers
from ops.shell import data_dir_option, json_option, print_json, reason


@click.command()
@data_dir_option
@json_option
def doctor(data_dir: Path, as_json: bool) -> None:
    """Check each part of the shop; status 1 when one fails."""
    found = []
    for diagnosis in _examine(data_dir):
        found.append(diagnosis)
        if not as_json:
            click.echo(f"{diagnosis.state:5} {diagnosis.name:14} {diagnosis.detail}")
    is_well = all(diagnosis.state != "fail" for diagnosis in found)
    if as_json:
        print_json({"ok": is_well, "checks": [diagnosis._asdict() for diagnosis in found]})
    sys.exit(0 if is_well else 1)


def _examine(data_dir: Path) -> Iterator[Diagnosis]:
    try:
        told = settings.adopt(data_dir)
    except SettingsError as error:
        yield from (Diagnosis("configuration", "fail", line) for line in reason(error).splitlines())
        return
    yield Diagnosis("configuration", "ok", "all settings are there and well-formed")
    yield (pair := alipay.key_pair(told))
    yield from stores.database(told)
    yield stores.carts(told)
    brokers = list(stores.brokers(told))
    yield from brokers
    if brokers[0].state != "fail":
        yield from workers()
    if pair.state != "fail":
        yield alipay.reachability(told)
