from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from bench import storefront
from bench.storefront import Buyer, Shop, click, signed_in
from sandbox import postgres, valkey
from sandbox.valkey import Valkey
from tests.django_shop.scenes import put_in_cart
from tests.django_shop.walk import AS_IT_IS, TOLD, Walk, a_copy
from tests.shared import ports
from tests.shared.databases import Server
from tests.shared.processes import is_well


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


@pytest.fixture(scope="module")
def module(request: pytest.FixtureRequest) -> str:
    """Each has databases of its own."""
    return str(request.module.__name__).rpartition(".")[2]


@pytest.fixture(scope="module")
def database_url(server: Server, module: str) -> str:
    """Checkout's own, which it fills itself."""
    return postgres.create_database(server.url(), f"beside_{module}")


@pytest.fixture(scope="module")
def walk(
    a_shop: Callable[..., Shop], carts: Valkey, database_url: str, tmp_path_factory: pytest.TempPathFactory, module: str
) -> Iterator[Walk]:
    shop = a_shop(f"shop_{module}", a_copy(tmp_path_factory.mktemp("project")))
    port, own = ports.free(), ports.free()
    typed = {
        "SHOP_DATABASE=shop": f"SHOP_DATABASE=shop_{module}",
        "postgresql+psycopg2://shop@127.0.0.1/checkout": database_url,
        "redis://127.0.0.1:6379": carts.url(0).removesuffix("/0"),
        "--port 8000": f"--port {port} --flower-port {ports.free()} --alipay-port {ports.free()}",
        "127.0.0.1:8000": f"127.0.0.1:{port}",
        "--port 8001": f"--port {own}",
        "127.0.0.1:8001": f"127.0.0.1:{own}",
    }
    told = {
        "CHECKOUT_URL": f"http://127.0.0.1:{port}",
        "CHECKOUT_BROKER_URL": carts.url(3),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    made = Walk(shop, typed, own, lambda: is_well(told["CHECKOUT_URL"]), environment={**shop.environment, **told})
    yield made
    made.leave()


@pytest.fixture(scope="module")
def old(walk: Walk, redis: Redis) -> list[Buyer]:
    """Three who bought SKU 3 while the shop was as it had been; the last one pays in cash."""
    walk.until(AS_IT_IS)
    [said] = [said for command, said in walk.said.items() if "sample" in command]
    buyers = signed_in(said)[:3]
    for buyer, pay_method in zip(buyers, (2, 2, 1), strict=True):
        put_in_cart(redis, buyer, 3)
        assert click(walk.url, buyer, pay_method=pay_method).status == 200
    return buyers


@pytest.fixture(scope="module")
def buyers(walk: Walk, old: list[Buyer]) -> list[Buyer]:
    """The others, of the adopted shop."""
    walk.until(TOLD)
    [said] = [said for command, said in walk.said.items() if "sample" in command]
    return signed_in(said)[len(old) :]
