"""The supervisor, over tiny services in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox import process
from tests.stack.family import descendants, happens, leave

Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start(scenario: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.stack.small", scenario, str(tmp_path)]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, cwd=process.PROJECT, stdout=pipe, stderr=pipe))
        return started[-1]

    yield start
    for child in started:
        with child:
            family = descendants(child.pid)
            child.kill()
        _end(family)


def _end(family: list[int]) -> None:
    """What a service forked does not hear of its starter's death."""
    process.end(lambda: [pid for pid in family if process.is_alive(pid)])


def _ready(child: subprocess.Popen[bytes]) -> list[int]:
    assert child.stdout
    assert child.stdout.readline() == b"READY\n"
    return descendants(child.pid)


def _book(directory: Path) -> list[str]:
    return (directory / "book").read_text(encoding="utf-8").split()


def test_services_start_after_what_they_need_and_stop_before_it(start: Start, tmp_path: Path) -> None:
    child = start("order")
    assert len(_ready(child)) == 2
    child.terminate()
    assert child.wait(15) == 0
    assert _book(tmp_path) == ["+data", "+schema", "+web", "-web", "-data"]


def test_a_killed_service_starts_again_without_what_it_left_behind(start: Start) -> None:
    child = start("forking")
    _ready(child)
    assert happens(lambda: len(descendants(child.pid)) == 2)
    leader, forked = descendants(child.pid)
    os.kill(leader, signal.SIGKILL)
    assert leave([leader, forked])
    assert happens(lambda: len(descendants(child.pid)) == 2)


def test_a_stopped_supervisor_leaves_nothing_behind(start: Start) -> None:
    child = start("forking")
    _ready(child)
    assert happens(lambda: len(descendants(child.pid)) == 2)
    family = descendants(child.pid)
    child.terminate()
    assert child.wait(15) == 0
    assert not [pid for pid in family if process.is_alive(pid)]


def test_a_service_that_does_not_listen_is_killed(start: Start) -> None:
    child = start("deaf")
    family = _ready(child)
    child.terminate()
    assert child.wait(15) == 0
    assert not [pid for pid in family if process.is_alive(pid)]


@pytest.mark.parametrize(
    ("scenario", "reason"), [("broken", "schema: ended with status 1"), ("crashing", "web: ended with status 1")]
)
def test_what_does_not_start_is_named_with_its_last_words(start: Start, scenario: str, reason: str) -> None:
    child = start(scenario)
    _, said = child.communicate(timeout=30)
    assert child.returncode == 1
    assert f"{reason} before it was ready" in said.decode()
    assert "no such " in said.decode()


def test_a_child_dies_with_its_starter(start: Start) -> None:
    child = start("order")
    family = _ready(child)
    child.kill()
    assert leave(family)


def test_who_is_frozen_is_killed_and_starts_again(start: Start, tmp_path: Path) -> None:
    _ready(start("frozen"))
    assert happens(lambda: _book(tmp_path) == ["+frozen", "+frozen"])
