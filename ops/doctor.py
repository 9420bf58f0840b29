"""`checkout doctor`: whether each part is there and fit, and what to do when it is not."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from checkout import settings
from checkout.errors import SettingsError
from checkout.language.chinese import told
from checkout.settings import Settings
from ops.checkup import Diagnosis, stores
from ops.checkup.alipay import alipay
from ops.checkup.beat import beat
from ops.checkup.tokens import tokens
from ops.checkup.workers import workers
from ops.shell import data_dir_option, json_option, print_json, reason, visible

# With what Python needs to start it ends within ten, whatever hangs.
LONGEST_SECONDS = 8.0


@click.command()
@data_dir_option
@json_option
def doctor(data_dir: Path, as_json: bool) -> None:
    """Check each part of the shop; status 1 when one fails."""
    found = []
    for diagnosis in _examine(data_dir):
        found.append(diagnosis)
        if not as_json:
            click.echo(f"{diagnosis.state:5} {diagnosis.name:14} {told(visible(diagnosis.detail))}")
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
    end = time.monotonic() + LONGEST_SECONDS
    for checkup in [Checkup(part, told) for part in PARTS]:
        yield from checkup.until(end)


class Part(NamedTuple):
    """`name` is that of its main line, `cure` what to do when all of it hangs."""

    name: str
    look: Callable[[Settings], Iterable[Diagnosis]]
    cure: str


def _over_the_broker(told: Settings) -> Iterator[Diagnosis]:
    brokers = list(stores.brokers(told))
    yield from brokers
    if brokers[0].state != "fail":
        yield from workers()


PARTS = (
    Part("alipay", alipay, "see CHECKOUT_ALIPAY_GATEWAY_URL, and the network"),
    Part("identity", tokens, "see CHECKOUT_JWKS, and the network"),
    Part("database", stores.database, "see CHECKOUT_DATABASE_URL, and the network"),
    Part("carts", stores.carts, "see CHECKOUT_REDIS_URL, and the network"),
    Part("broker", _over_the_broker, "see what hangs there (a RabbitMQ with a memory or disk alarm takes nothing)"),
    Part("beat", beat, "see CHECKOUT_DATABASE_URL, and the network"),
)


class Checkup:
    """One part's examination, in a thread that may hang without holding up the others or the end."""

    def __init__(self, part: Part, told: Settings) -> None:
        self._part = part
        self._found: queue.SimpleQueue[Diagnosis | None] = queue.SimpleQueue()
        threading.Thread(target=self._examine, args=(told,), daemon=True).start()

    def _examine(self, told: Settings) -> None:
        try:
            for diagnosis in self._part.look(told):
                self._found.put(diagnosis)
        except Exception as error:
            self._found.put(
                Diagnosis(self._part.name, "fail", f"the check itself ended by {type(error).__name__}: report it")
            )
            raise
        finally:
            self._found.put(None)

    def until(self, end: float) -> Iterator[Diagnosis]:
        """What it finds, as long as there is time."""
        try:
            while (found := self._found.get(timeout=max(0.0, end - time.monotonic()))) is not None:
                yield found
        except queue.Empty:
            silence = f"no answer within {LONGEST_SECONDS:.0f} s: {self._part.cure}"
            yield Diagnosis(self._part.name, "fail", silence)
