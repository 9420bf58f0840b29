"""Starts a stack of its own, plays the stories on it all at once, audits it, and stops it."""

from __future__ import annotations

import contextlib
import json
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from urllib3.exceptions import HTTPError

from checkout import settings
from checkout.language.chinese import told, word
from ops.demo.program import STORIES
from ops.demo.shop import Shop
from ops.demo.stories import PAY_WINDOW_SECONDS, TIME_SCALE, Story
from ops.demo.timeline import Missed, Record, Timeline
from ops.up import RunningStack, UpError, start_stack
from sandbox import ports
from sandbox.alipay.door import token_of

CATALOGUE = Path(__file__).with_name("catalogue.csv")
_COMMAND_SECONDS = 60
_LOG_LINES = 12
_BASIC_SERVICES = ("prepare", "postgres", "valkey", "api")


def run_demo(keep: bool, data_dir: Path | None, stories: Sequence[Story] = STORIES) -> int:
    """Plays the stories and prints them; 0 only if every expectation and the audit held.

    1: something did not. 2: the directory is in use already. 130: interrupted by Ctrl-C or SIGTERM. Without
    `data_dir` the data are gone afterwards, unless `keep` or a failure makes them worth a look. With `keep` the stack
    runs on until Ctrl-C or SIGTERM. Run it from the main thread.
    """
    if data_dir is not None and data_dir.exists() and any(data_dir.iterdir()):
        line = f"checkout demo: {data_dir} is not empty: choose another with --data-dir, or leave it out"
        sys.stderr.write(f"{told(line)}\n")
        return 2
    directory = (data_dir or Path(tempfile.mkdtemp(prefix="checkout-demo-"))).absolute()
    timeline = Timeline()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = 0 if _run(timeline, directory, stories, keep) else 1
    except KeyboardInterrupt:
        timeline.say("interrupted", "bold red")
        status = 130
    finally:
        signal.signal(signal.SIGTERM, before)
    if data_dir is None and status != 1 and not keep:
        shutil.rmtree(directory)
    else:
        timeline.say(f"the data are kept in {directory}")
    return status


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _run(timeline: Timeline, directory: Path, stories: Sequence[Story], keep: bool) -> bool:
    try:
        with _stack(timeline, directory) as stack:
            good = _drive(timeline, directory, stories)
            if keep:
                _stay(timeline, stack)
        timeline.say("stopped")
    except (UpError, subprocess.SubprocessError, Missed, HTTPError) as error:
        timeline.judge(str(error), is_good=False)
        _show_logs(timeline, directory, _BASIC_SERVICES)
        return False
    return good


@contextlib.contextmanager
def _stack(timeline: Timeline, directory: Path) -> Iterator[RunningStack]:
    timeline.say("starting the stack: PostgreSQL, broker, local Alipay, API, workers, beat, Flower, shop")
    with start_stack(
        directory,
        port=ports.free(),
        flower_port=ports.free(),
        alipay_port=ports.free(),
        environ=_environment(),
        pay_window=f"{PAY_WINDOW_SECONDS}s",
        time_scale=TIME_SCALE,
    ) as stack:
        timeline.say(f"ready; an order can be paid for {PAY_WINDOW_SECONDS} s, Alipay's own times run {TIME_SCALE:g} ×")
        yield stack


def _environment() -> dict[str, str]:
    """Ours without CHECKOUT_*: the demo must not meet a shop that somebody runs."""
    own = {name: value for name, value in settings.environment().items() if not name.startswith(settings.PREFIX)}
    return own | {"PYTHONUTF8": "1"}


def _drive(timeline: Timeline, directory: Path, stories: Sequence[Story]) -> bool:
    command = partial(_operate, directory)
    timeline.say(f"catalogue: {command('catalog', 'load', CATALOGUE).strip()}")
    shop = Shop(settings.stored(directory), token_of(directory / "alipay"), command)
    failed = []
    for last in (False, True):
        failed += _play(timeline, shop, [story for story in stories if story.last == last])
    is_whole = _audit(timeline, directory)
    services = [service for story in failed for service in story.services] + ([] if is_whole else ["orders"])
    _show_logs(timeline, directory, dict.fromkeys(services))
    good = is_whole and not failed
    timeline.say("every step held" if good else "not every step held", "bold green" if good else "bold red")
    return good


def _operate(directory: Path, *arguments: object) -> str:
    """What an operator's command prints. Raises Missed when it does not go well."""
    done = _checkout(*map(str, arguments), "--data-dir", str(directory))
    if done.returncode:
        raise Missed(f"checkout {arguments[0]} {arguments[1]}: {(done.stderr or done.stdout).strip()[:300]}")
    return done.stdout


def _checkout(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-P", "-m", "ops.main", *arguments],
        env=_environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=_COMMAND_SECONDS,
        check=False,
    )


def _play(timeline: Timeline, shop: Shop, stories: Sequence[Story]) -> list[Story]:
    """These stories at once, told as they end. Returns those that failed."""
    if not stories:
        return []
    failed, stage = [], ThreadPoolExecutor(len(stories))
    playing = {stage.submit(_tell, shop, story): story for story in stories}
    stage.shutdown(wait=False)  # After Ctrl-C the stack stops first, which ends the stories.
    with timeline.console.status(told(f"stories that go on: {len(stories)}")) as status:
        for left, done in zip(reversed(range(len(stories))), as_completed(playing), strict=True):
            story, record = playing[done], done.result()
            timeline.tell(story.title, record)
            if not record.held:
                failed.append(story)
            status.update(told(f"stories that go on: {left}"))
    return failed


def _tell(shop: Shop, story: Story) -> Record:
    record = Record()
    try:
        story.play(shop, record)
    except Missed as error:
        record.fail(str(error))
    except HTTPError as error:
        record.fail(f"no answer over HTTP: {error}")
    return record


def _audit(timeline: Timeline, directory: Path) -> bool:
    done = _checkout("audit", "--json", "--data-dir", str(directory))
    timeline.console.print()
    timeline.say("checkout audit", "bold")
    if not done.stdout:
        timeline.judge(done.stderr.strip(), is_good=False)
        return False
    for check in json.loads(done.stdout)["checks"]:
        name = "" if check["ok"] else f"{check['name']}{word(': ')}"
        timeline.judge(f"{name}{told(check['detail'])}", is_good=check["ok"])
    timeline.console.print()
    return done.returncode == 0


def _show_logs(timeline: Timeline, directory: Path, services: Sequence[str] | dict[str, None]) -> None:
    for service in services:
        log = directory / "logs" / f"{service}.log"
        if log.exists():
            timeline.show_log(
                f"logs/{log.name}", log.read_text(errors="replace", encoding="utf-8").splitlines()[-_LOG_LINES:]
            )


def _stay(timeline: Timeline, stack: RunningStack) -> None:
    where = shlex.quote(str(stack.data_dir))
    lines = [
        f"shop    {stack.shop_url}",
        f"api     {stack.api_url}/docs",
        f"alipay  {stack.alipay_url}",
        f"flower  {stack.flower_url}  {stack.flower_user} {stack.flower_password}",
        f"token   checkout token --user 1001 --data-dir {where}",
        f"later   checkout up --data-dir {where}   (the same data, 30 minutes to pay)",
        "stop    Ctrl-C",
    ]
    timeline.say("the stack keeps running")
    for line in lines:
        timeline.console.print(f"          {told(line)}", soft_wrap=True)
    with contextlib.suppress(KeyboardInterrupt):
        stack.command.wait()
