"""The service's own processes, as they are started in production."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import urllib3

from tests.shared import ports
from tests.shared.contract import Pool

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 100
HTTP = Pool(retries=False, timeout=urllib3.Timeout(30), maxsize=20)


def eventually(happens: Callable[[], bool], what: str, seconds: float = LONGEST_SECONDS) -> None:
    """Waits until it happens, and fails when it does not."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.05)


@contextmanager
def process(*command: str, environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `python -m COMMAND` in a session of its own, which ends as a whole."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait(15)


def is_well(url: str) -> bool:
    """Whether the API there says that it is ready."""
    try:
        return HTTP.request("GET", f"{url}/health/ready").status == 200
    except urllib3.exceptions.HTTPError:
        return False


@contextmanager
def an_api(environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """The API's address, once it is ready."""
    port = ports.free()
    with process("api", f"--port={port}", "--workers=1", environment=environment, log=log) as started:
        url = f"http://127.0.0.1:{port}"

        def is_ready() -> bool:
            assert started.poll() is None, log.read_text(encoding="utf-8")
            return is_well(url)

        eventually(is_ready, "the API is ready")
        yield url
