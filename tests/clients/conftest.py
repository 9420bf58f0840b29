"""The tools, each fetched once; a test whose tool cannot be had is skipped by the tool's name."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import msgspec
import pytest

from api.app import TABLE
from api.openapi import document
from tests.shared.packages import installed

NODE = (
    *("@redocly/cli@2.77.0", "@stoplight/spectral-cli@6.16.3", "openapi-typescript@7.13.0", "openapi-fetch@0.17.0"),
    *("typescript@5.9.3", "@types/node@22.19.1"),
)
PYTHON = "openapi-python-client==0.29.1"
INSTALL_SECONDS = 400


@pytest.fixture(scope="session")
def tools() -> Path:
    if named := os.environ.get("CHECKOUT_TEST_CLIENTS"):
        return Path(named).absolute()
    pytest.skip("CHECKOUT_TEST_CLIENTS names no directory for linters and generators")


@pytest.fixture(scope="session")
def modules(tools: Path) -> Path:
    """Where npm's packages are."""
    npm, target = shutil.which("npm"), tools / "npm"
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm and node are not here")
    if not (target / "node_modules" / ".bin" / "tsc").exists():
        target.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(target), *NODE]
        installed(command, "npm's packages", INSTALL_SECONDS)
    return target / "node_modules"


@pytest.fixture(scope="session")
def python(tools: Path) -> Path:
    """A Python beside which the generator and what its clients need are installed."""
    target = tools / "py"
    if not (target / "bin" / "openapi-python-client").exists():
        installed([sys.executable, "-m", "venv", str(target)], "a venv", INSTALL_SECONDS)
        installed([str(target / "bin" / "pip"), "install", "-q", PYTHON], PYTHON, INSTALL_SECONDS)
    return target / "bin" / "python"


@pytest.fixture
def described(tmp_path: Path) -> Path:
    """The document in a file."""
    file = tmp_path / "openapi.json"
    file.write_bytes(msgspec.json.encode(document(TABLE)))
    return file
