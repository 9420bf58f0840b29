"""A shop with an API of its own, and the browser that all tests of a file share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from checkout.db import Engine
from tests.shared.browser import a_browser
from tests.shared.processes import an_api


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as made:
        yield made


@pytest.fixture
def url(environment: dict[str, str], engine: Engine, tmp_path: Path) -> Iterator[str]:
    """The API's address, which has the console."""
    del engine
    with an_api(environment, tmp_path / "api.log") as address:
        yield address
