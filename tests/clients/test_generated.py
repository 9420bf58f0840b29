"""Clients that others generate from the document buy something: they compile, place an order, pay and follow it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import bodies
from api.examples import EXAMPLES
from checkout import settings
from ops.up import RunningStack
from sandbox.alipay.door import token_of
from tests.shared.client import token
from tests.shared.pages import a_stack

pytestmark = pytest.mark.timeout(600)
HERE = Path(__file__).parent
BODY = json.dumps(EXAMPLES[bodies.OrderRequest], ensure_ascii=False)
TYPED = """import type { components } from "./api.js";

export const body: components["schemas"]["OrderRequest"] = """
STRICT = ("--strict", "--target", "es2022", "--lib", "es2022,dom,dom.iterable,dom.asynciterable")


@pytest.fixture(scope="module")
def stack(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    assert tools
    with a_stack(tmp_path_factory.mktemp("clients") / "data") as running:
        yield running


def ways_in(stack: RunningStack) -> list[str]:
    """What a buyer's program is told."""
    bearer = token(settings.parse(settings.stored(stack.data_dir)), 7)
    return [stack.api_url, bearer, stack.alipay_url, token_of(stack.data_dir / "alipay")]


def run(*command: Any, directory: Path) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, encoding="utf-8", timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def bought(said: str) -> None:
    told = json.loads(said)
    assert (told["told"], bool(told["paid_at"])) == ("awaiting_shipment", True)
    assert float(told["total"]) > 0


def compiled(modules: Path, described: Path, body: str) -> Path:
    """The buyer in JavaScript. Fails when his types do not fit the document's."""
    directory = described.parent
    (directory / "node_modules").symlink_to(modules)
    (directory / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    run(modules / ".bin" / "openapi-typescript", described, "-o", directory / "api.ts", directory=directory)
    (directory / "body.ts").write_text(f"{TYPED}{body};\n", encoding="utf-8")
    shutil.copy(HERE / "buyer.ts", directory)
    run(modules / ".bin" / "tsc", *STRICT, "--module", "nodenext", "--types", "node", "buyer.ts", directory=directory)
    return directory / "buyer.js"


def test_a_client_in_typescript_buys(modules: Path, described: Path, stack: RunningStack) -> None:
    buyer = compiled(modules, described, BODY)
    bought(run("node", buyer, *ways_in(stack), directory=described.parent))


def test_an_order_that_lacks_something_does_not_compile(modules: Path, described: Path) -> None:
    with pytest.raises(AssertionError, match="Property 'address' is missing"):
        compiled(modules, described, '{"items": [], "pay_method": "alipay"}')


def test_a_client_in_python_buys(python: Path, described: Path, stack: RunningStack) -> None:
    generate = ("generate", "--meta", "none", "--path", described, "--output-path", "checkout_client")
    run(python.with_name("openapi-python-client"), *generate, directory=described.parent)
    shutil.copy(HERE / "buyer.py", described.parent)
    bought(run(python, "buyer.py", *ways_in(stack), BODY, directory=described.parent))
