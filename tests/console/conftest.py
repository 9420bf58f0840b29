"""One shop for all tests of a file: an API with its console, and a browser. Each test has orders of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from checkout import db
from checkout.db import Engine
from checkout.settings import Settings, parse
from sandbox.alipay.keys import Keys
from sandbox.valkey import Valkey
from tests.conftest import environment_of
from tests.shared.browser import a_browser
from tests.shared.databases import Databases, Server
from tests.shared.messages import expect_to_fit
from tests.shared.processes import an_api


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as made:
        yield made


@pytest.fixture(scope="module")
def environment(
    server: Server, databases: Databases, valkey_server: Valkey, alipay_sides: Keys
) -> Iterator[dict[str, str]]:
    name = databases.take()
    yield environment_of(server.url(name), valkey_server, alipay_sides)
    expect_to_fit(databases.give_back(name))


@pytest.fixture(scope="module")
def settings(environment: dict[str, str]) -> Settings:
    return parse(environment)


@pytest.fixture(scope="module")
def engine(settings: Settings) -> Iterator[Engine]:
    made = db.connect(settings.database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def url(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API's address, which has the console."""
    with an_api(environment, tmp_path_factory.mktemp("console") / "api.log") as address:
        yield address
