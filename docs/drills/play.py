"""`python -m docs.drills.play NAME|all`: plays a fault on a running stack and records which window names it."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
from urllib3.exceptions import HTTPError

from docs.drills import alerts, windows
from docs.drills.alerts import Prometheus
from docs.drills.faults import DRILLS, Drill
from docs.drills.scene import NotWell, Scene, started, until
from docs.drills.windows import WINDOWS, Log
from ops.demo.timeline import Missed
from ops.up import UpError

MINUTE_SECONDS = 60.0
_PAUSE_SECONDS = 5.0
_BY_NAME = {drill.name: drill for drill in DRILLS}
_PICTURED = "frozen-worker"
_NUMBER = re.compile(r"\d+")


@dataclass
class Seen:
    """What the windows showed within the minute: each line as it was first, and the second at which it was there."""

    drill: Drill
    lines: dict[str, dict[str, float]] = field(default_factory=lambda: {window: {} for window in WINDOWS})
    well_after_seconds: float | None = None
    complaint: str = ""

    def add(self, found: dict[str, list[str]], second: float) -> None:
        for window, lines in found.items():
            known = {_NUMBER.sub("…", line) for line in self.lines[window]}
            self.lines[window] |= {line: second for line in lines if _NUMBER.sub("…", line) not in known}

    def named_at(self, window: str) -> float | None:
        """The second at which the window named the fault."""
        seconds = [second for line, second in self.lines[window].items() if self.drill.names(window, line)]
        return min(seconds, default=None)

    @property
    def is_good(self) -> bool:
        return self.well_after_seconds is not None and any(self.named_at(window) is not None for window in WINDOWS)


def play(drill: Drill, shots: bool) -> Seen:
    """One drill, from a fresh stack to one that is well again."""
    seen = Seen(drill)
    try:
        with started(drill.setting) as scene, _prometheus(scene) as prometheus:
            _rest(seen, scene, prometheus)
            log = Log(scene.log_dir)
            with drill.play(scene):
                _watch(seen, scene, prometheus, log, shots and drill.name == _PICTURED)
            _recover(seen, scene)
            _tell_left(prometheus)
    except (NotWell, Missed, HTTPError, UpError, subprocess.SubprocessError) as error:
        seen.complaint = f"{type(error).__name__}: {error}"
    return seen


@contextlib.contextmanager
def _prometheus(scene: Scene) -> Iterator[Prometheus | None]:
    if alerts.PROMETHEUS is None:
        click.echo("skipped: alerts, because prometheus is not installed")
        yield None
        return
    with alerts.judging(scene.data_dir / "metrics.json") as prometheus:
        yield prometheus


def _rest(seen: Seen, scene: Scene, prometheus: Prometheus | None) -> None:
    """Before the fault no window shows anything."""
    silence: dict[str, list[str]] = {window: [] for window in WINDOWS}

    def is_silent() -> bool:
        found = windows.look(scene, prometheus, Log(scene.log_dir))
        if found != silence:
            click.echo(f"  before the fault: {found}")
        return found == silence

    until(is_silent, "no window shows anything before the fault", MINUTE_SECONDS * 2)
    click.echo(f"{seen.drill.name}: all is well, {scene.load.placed} orders are placed; now {seen.drill.title}")


def _watch(seen: Seen, scene: Scene, prometheus: Prometheus | None, log: Log, shots: bool) -> None:
    """With `shots` Flower is pictured when it names the fault first."""
    began = time.monotonic()
    pictures = ["within-a-minute.png"] if shots else []
    while (second := time.monotonic() - began) < MINUTE_SECONDS:
        found = windows.look(scene, prometheus, log)
        seen.add(found, min(MINUTE_SECONDS, time.monotonic() - began))
        if pictures and seen.named_at("flower") is not None:
            windows.photograph(scene, "workers", Path(__file__).with_name(pictures.pop()))
        time.sleep(max(0.0, second + _PAUSE_SECONDS - (time.monotonic() - began)))


def _recover(seen: Seen, scene: Scene) -> None:
    """Waits until orders are placed again, doctor and stuck are content, nobody waits, and the books agree."""
    before, began = scene.load.placed, time.monotonic()
    until(lambda: scene.load.placed > before, "a new order is placed")
    scene.load.stop()
    said: list[str] = []
    until(lambda: _is_content(scene, said), "the doctor finds no fault and nothing is stuck")
    until(lambda: scene.load.undecided() == [], "every accepted order is decided")
    audit = scene.checkout("audit", "--json")
    if audit.returncode:
        broken = [check for check in json.loads(audit.stdout)["checks"] if not check["ok"]]
        raise NotWell(f"checkout audit: {broken}")
    seen.well_after_seconds = time.monotonic() - began
    click.echo(f"  answers to buyers: {dict(scene.load.answers)}; {len(scene.load.accepted)} accepted, none lost")


def _is_content(scene: Scene, said: list[str]) -> bool:
    """Tells what is new since `said`."""
    found = [line for line in windows.doctor(scene) if not line.startswith("warn")] + windows.stuck(scene)
    for line in found:
        if line not in said:
            said.append(line)
            click.echo(f"  not yet well: {line[:200]}")
    return not found


def _tell_left(prometheus: Prometheus | None) -> None:
    if prometheus and (left := prometheus.alerts()):
        click.echo(f"  alerts that remain when all is well: {', '.join(left)}")


def tell(seen: Seen) -> None:
    """The table of one drill; `*` marks the lines that name the fault."""
    for window in WINDOWS:
        at = seen.named_at(window)
        click.echo(f"  {window:9} {'not named' if at is None else f'named after {at:.0f} s'}")
        for line, second in seen.lines[window].items():
            click.echo(f"    {'*' if seen.drill.names(window, line) else ' '} {second:3.0f} s  {line[:220]}")
    well = seen.well_after_seconds
    click.echo(f"  mended: {seen.complaint or ('not well' if well is None else f'well after {well:.0f} s')}\n")


def summarise(all_seen: list[Seen]) -> None:
    """One line a drill: the second at which each window named it."""
    click.echo(f"{'':18}" + "".join(f"{window:>10}" for window in WINDOWS) + "    well again")
    for seen in all_seen:
        named = [seen.named_at(window) for window in WINDOWS]
        cells = "".join(f"{'-' if at is None else f'{at:.0f} s':>10}" for at in named)
        well = seen.well_after_seconds
        click.echo(f"{seen.drill.name:18}{cells}    {'NO' if well is None else f'{well:.0f} s'}")


@click.command()
@click.argument("name", type=click.Choice(["all", *_BY_NAME]))
@click.option("--shots", is_flag=True, help="Take pictures of Flower on the way.")
def main(name: str, shots: bool) -> None:
    """Play one fault or all; status 1 when no window names one, or when the stack does not get well."""
    all_seen = []
    for drill in DRILLS if name == "all" else [_BY_NAME[name]]:
        seen = play(drill, shots)
        tell(seen)
        all_seen.append(seen)
    summarise(all_seen)
    raise SystemExit(0 if all(seen.is_good for seen in all_seen) else 1)


if __name__ == "__main__":
    main()
