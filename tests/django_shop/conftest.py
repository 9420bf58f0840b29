from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from bench import storefront
from bench.storefront import Shop
from sandbox import postgres, valkey
from sandbox.valkey import Valkey
from tests.shared.databases import Server


@pytest.fixture(scope="module")
def carts() -> Iterator[Valkey]:
    """A Redis of the shop's own: the carts in its database 1."""
    with valkey.temporary_server() as running:
        yield running


@pytest.fixture(scope="module")
def redis(carts: Valkey) -> Iterator[Redis]:
    with Redis.from_url(carts.url(1)) as client:
        yield client


@pytest.fixture(scope="module")
def a_shop(server: Server, carts: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Shop]:
    """A Django shop on an empty database of that name."""

    def made(name: str, directory: Path = storefront.PROJECT) -> Shop:
        url = postgres.create_database(server.url(), name)
        own = storefront.variables(url, carts.url(1))
        return Shop(own, tmp_path_factory.mktemp(name) / "log", directory)

    return made
