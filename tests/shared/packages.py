"""What some tests install for themselves, from PyPI and npm; where it cannot be had, they are skipped by name."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 120


def installed(command: list[str], what: str, seconds: int = INSTALL_SECONDS) -> None:
    """Runs the installer, or skips."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired):
        pytest.skip(f"{what} cannot be had here")
    if done.returncode:
        pytest.skip(f"{what} cannot be had here")


def from_npm(package: str, directory: Path) -> tuple[str, dict[str, str]]:
    """Node, and the environment in which it finds the package; or skips."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("npm and node are not here")
    installed([npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(directory), package], package)
    return node, {"NODE_PATH": str(directory / "node_modules")}
