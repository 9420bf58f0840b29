"""The version stands in pyproject.toml; whatever else names it says the same."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_installed_package_is_this_version() -> None:
    assert version("checkout") == VERSION


@pytest.mark.parametrize(
    ("file", "pattern"),
    [
        ("deploy/Containerfile", r'image\.version="(.+)"'),
        ("deploy/Containerfile", r"--tag checkout:(\S+)"),
        ("deploy/compose.yaml", r"CHECKOUT_IMAGE:-checkout:(.+)}"),
        ("deploy/helm/checkout/Chart.yaml", r"^version: (.+)$"),
        ("deploy/helm/checkout/Chart.yaml", r'^appVersion: "(.+)"$'),
        ("docs/deployment.md", r"--tag checkout:(\S+)"),
        ("CHANGELOG.md", r"^## \[(\d.+?)\] - \d{4}-\d\d-\d\d$"),
    ],
)
def test_others_say_the_same(file: str, pattern: str) -> None:
    found = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert found
    assert found[1] == VERSION


def test_each_version_says_how_one_comes_to_it() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    upgrading = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
    for one in re.findall(r"^## \[(\d\S+)\]", changes, re.MULTILINE):
        assert f"## To {one} " in upgrading
