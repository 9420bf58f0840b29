"""Running `checkout`, and what its answers have in common."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from click.testing import Result

from sandbox.process import PROJECT

Command = Callable[..., Result]


def good(result: Result) -> str:
    """What a command printed that went well."""
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def answer(result: Result) -> Any:
    """The JSON of a command that went well."""
    return json.loads(good(result))


def refused(result: Result, *, status: int = 1) -> str:
    """Why a command did nothing: said on standard error, without a traceback."""
    assert (result.exit_code, result.stdout) == (status, ""), result.output
    assert "Traceback" not in result.stderr
    return result.stderr.rstrip("\n").removeprefix("Error: ")


def in_a_process(
    *arguments: object, environment: Mapping[str, str], module: str = "ops.main"
) -> subprocess.CompletedProcess[str]:
    """Runs the command (or that module) as a person does, with that environment alone."""
    own = {"PATH": os.environ["PATH"], **environment}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, env=own, cwd=PROJECT, capture_output=True, encoding="utf-8", timeout=60, check=False)
