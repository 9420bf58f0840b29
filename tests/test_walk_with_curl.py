"""The commands of docs/api.md and README.md, run as they stand on a stack; the answers that are shown are compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from ops.up import RunningStack
from tests.shared.pages import a_stack
from tests.shared.processes import ROOT

pytestmark = pytest.mark.timeout(600)

_STEP = re.compile(r"^```sh\n(.*?)^```\n(?:\n^```(?:json|http|text)\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
_END_OF_STEP = "--- next step ---"


class Step(NamedTuple):
    """What is typed, and what is shown of its answer."""

    commands: str
    answer: str


def steps(document: str) -> list[Step]:
    return [Step(*found) for found in _STEP.findall((ROOT / document).read_text(encoding="utf-8"))]


def fits(shown: str, said: str) -> bool:
    """Whether it was said, but for blanks and what `…` leaves out."""
    pattern = ".*".join(re.escape("".join(part.split())) for part in shown.split("…"))
    return re.search(pattern, "".join(said.split()), re.DOTALL) is not None


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with a_stack(tmp_path_factory.mktemp("walk") / ".checkout") as running:
        yield running


def typed(stack: RunningStack, commands: Sequence[str]) -> list[str]:
    """What each of them printed, typed into one shell beside the stack's own folder."""
    place = stack.data_dir.parent
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    script = "".join(f"{command}\necho '{_END_OF_STEP}'\n" for command in commands)
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=place,
        env=environment | {"API": stack.api_url, "HOME": str(place)},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(f"{_END_OF_STEP}\n")[:-1]


def test_the_walk_of_the_api_goes_as_it_is_told(stack: RunningStack) -> None:
    walk = steps("docs/api.md")
    said = typed(stack, [step.commands for step in walk])
    assert len(walk) >= 10
    assert {step.commands: said for step, said in zip(walk, said, strict=True) if not fits(step.answer, said)} == {}


def test_the_readmes_walk_ends_at_the_cashier(stack: RunningStack) -> None:
    blocks = re.findall(r"^(?:    .+\n)+", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    [walk] = [block for block in blocks if "curl" in block]
    (stack.data_dir.parent / ".venv").symlink_to(sys.prefix)
    [said] = typed(stack, [walk.replace("http://127.0.0.1:8000", stack.api_url)])
    assert '"status":"awaiting_payment"' in said
    assert f'"pay_url":"{stack.alipay_url}/gateway.do?' in said


def test_an_answer_that_is_not_the_shown_one_is_noticed() -> None:
    assert fits('{"a": 1, … "c": "…"}', '{"a":1,"b":2,"c":"3"}')
    assert not fits('{"a": 1, … "c": "4"}', '{"a":1,"b":2,"c":"3"}')


@pytest.mark.parametrize("document", ["README.md", "README.zh-CN.md", "docs/api.md"])
def test_no_walk_takes_an_orders_number_for_granted(document: str) -> None:
    assert not re.search(r"/v1/(orders|refunds)/\d", (ROOT / document).read_text(encoding="utf-8"))
