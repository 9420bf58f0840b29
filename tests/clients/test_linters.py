"""Linters of OpenAPI documents find nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(600)
# All rules of redocly's recommended set but these.
REDOCLY = """
extends: [recommended]
rules:
  # Pages and checks of health refuse nobody, and the buyer's return only redirects.
  operation-4xx-response: off
  operation-2xx-response: off
"""
SPECTRAL = 'extends: ["spectral:oas"]\n'


def redocly(modules: Path, file: Path) -> list[str]:
    config = file.with_name("redocly.yaml")
    config.write_text(REDOCLY, encoding="utf-8")
    command: list[str | Path] = [modules / ".bin" / "redocly", "lint", file, "--format=json", f"--config={config}"]
    done = subprocess.run(command, capture_output=True, timeout=200, check=False)
    return [f"{one['ruleId']}: {one['message']}" for one in json.loads(done.stdout)["problems"]]


def spectral(modules: Path, file: Path) -> list[str]:
    ruleset = file.with_name("ruleset.yaml")
    ruleset.write_text(SPECTRAL, encoding="utf-8")
    how = (f"--ruleset={ruleset}", "--format=json", "--quiet")
    command: list[str | Path] = [modules / ".bin" / "spectral", "lint", file, *how]
    done = subprocess.run(command, capture_output=True, timeout=200, check=False)
    return [f"{one['code']}: {one['message']} at {'.'.join(map(str, one['path']))}" for one in json.loads(done.stdout)]


def test_redocly_finds_nothing(modules: Path, described: Path) -> None:
    assert redocly(modules, described) == []


def test_spectral_finds_nothing(modules: Path, described: Path) -> None:
    assert spectral(modules, described) == []


def test_both_find_an_operation_whose_name_is_taken(modules: Path, described: Path) -> None:
    text = described.read_text(encoding="utf-8")
    described.write_text(text.replace('"operationId":"orders_show"', '"operationId":"orders_place"'), encoding="utf-8")
    assert "operation-operationId-unique" in str(redocly(modules, described))
    assert "operation-operationId-unique" in str(spectral(modules, described))
