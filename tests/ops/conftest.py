"""The `checkout` command, for the test's own shop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.main import main
from tests.ops.command import Command


@pytest.fixture
def checkout(in_process: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the command in this process; where it runs, no stack has left its addresses."""
    del in_process  # The environment names the test's shop.
    monkeypatch.chdir(tmp_path)

    def run(*arguments: Any) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run
