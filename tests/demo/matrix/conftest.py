"""One stack for the whole matrix, and a browser for each file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from ops.up import RunningStack
from tests.demo.matrix.scenes import Scene, play
from tests.shared.browser import a_browser
from tests.shared.pages import a_stack


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with a_stack(tmp_path_factory.mktemp("matrix") / "data") as running:
        yield running


@pytest.fixture(scope="package")
def scene(stack: RunningStack) -> Scene:
    return play(stack)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as started:
        yield started
