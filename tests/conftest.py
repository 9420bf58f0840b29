"""Real parts for every test: a database cloned from a migrated template, a broker of its own, real RSA keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import hypothesis
import pytest
from click.testing import CliRunner, Result
from redis import Redis

from checkout import db
from checkout.db import Engine
from checkout.db import transaction as in_transaction
from checkout.resources import Resources
from checkout.schema import migrations
from checkout.settings import Settings, parse
from ops.main import main
from sandbox import postgres, valkey
from sandbox.alipay import keys as alipay_keys
from sandbox.alipay.keys import Keys
from sandbox.pgbouncer import pooler
from sandbox.valkey import Valkey
from tests.shared.client import Client, serving
from tests.shared.command import Command
from tests.shared.databases import OWN, POOLED, SERVERS, TEMPLATE, WAYS, Databases, Other, Pooled, Server, create
from tests.shared.messages import expect_to_fit
from tests.shared.processes import an_api

# The same examples each time, however slow the machine is.
hypothesis.settings.register_profile(
    "suite", deadline=None, derandomize=True, database=None, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("suite")
# What is said is read in English, whatever the language of who runs the tests.
os.environ["LC_ALL"] = "C.UTF-8"

SECRET = "a secret for tests, longer than the 32 bytes of HS256 and the 64 of HS512"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for mark, servers in (("on_each_version", SERVERS), ("on_each_way", WAYS)):
        if metafunc.definition.get_closest_marker(mark) and "server" in metafunc.fixturenames:
            metafunc.parametrize("server", servers, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that were given more time than others come first, so that no core is left alone with one at the end."""
    allowed: dict[Path, float] = {}
    for item in items:
        mark = item.get_closest_marker("timeout")
        allowed[item.path] = max(allowed.get(item.path, 0), mark.args[0] if mark else 0)
    items.sort(key=lambda item: -allowed[item.path])


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A temporary PostgreSQL, for the whole run; for `on_each_version` also one of another version."""
    kind = getattr(request, "param", OWN)
    if kind == OWN:
        with postgres.temporary_server() as running:
            yield running
        return
    if kind == POOLED:
        with postgres.temporary_server() as running:
            url, directory = running.url(), tmp_path_factory.mktemp("pgbouncer")
            with pooler(url, "transaction", directory) as port:
                yield Pooled(url, port)
        return
    other = Other()
    yield other
    other.clear()


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """The database that every test's own is a copy of."""
    engine = db.connect(create(server, TEMPLATE))
    with in_transaction(engine) as connection:
        migrations.create(connection)
    engine.dispose()
    return TEMPLATE


@pytest.fixture(scope="session")
def databases(server: Server, template: str) -> Databases:
    assert template == TEMPLATE
    return Databases(server)


@pytest.fixture
def database_url(server: Server, databases: Databases) -> Iterator[str]:
    """An empty, migrated database for one test."""
    name = databases.take()
    yield server.url(name)
    expect_to_fit(databases.give_back(name))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = db.connect(database_url, size=8)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """A temporary Valkey, for the whole run: broker in database 0, carts in database 1."""
    with valkey.temporary_server() as running:
        yield running


@pytest.fixture
def broker(valkey_server: Valkey) -> Valkey:
    """The Valkey with nothing in it but Celery's own queue bindings, which its connections take for declared."""
    with Redis.from_url(valkey_server.url(0)) as redis:
        left = [key for key in cast("list[bytes]", redis.keys()) if not key.startswith(b"_kombu.binding.")]
        if left:
            redis.delete(*left)
        redis.execute_command("SELECT", 1)
        redis.flushdb()
    return valkey_server


@pytest.fixture(scope="session")
def alipay_sides(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """The key files of the merchant and of the pretended Alipay."""
    return alipay_keys.ensure(tmp_path_factory.mktemp("alipay-keys"))


@pytest.fixture
def environment(database_url: str, broker: Valkey, alipay_sides: Keys) -> dict[str, str]:
    """What the processes of one shop are told."""
    return environment_of(database_url, broker, alipay_sides)


def environment_of(database_url: str, broker: Valkey, alipay_sides: Keys) -> dict[str, str]:
    """What the processes of the shop with that database are told."""
    return {
        "CHECKOUT_DATABASE_URL": database_url,
        "CHECKOUT_BROKER_URL": broker.url(0),
        "CHECKOUT_REDIS_URL": broker.url(1),
        "CHECKOUT_JWT_SECRET": SECRET,
        "CHECKOUT_PUBLIC_URL": "http://127.0.0.1:8000",
        "CHECKOUT_SHOP_URL": "http://127.0.0.1:8001",
        "CHECKOUT_ALIPAY_APP_ID": alipay_sides.app_id,
        "CHECKOUT_ALIPAY_SELLER_ID": alipay_sides.seller_id,
        "CHECKOUT_ALIPAY_GATEWAY_URL": "http://127.0.0.1:9/gateway.do",  # Nobody answers there.
        "CHECKOUT_ALIPAY_PRIVATE_KEY_FILE": str(alipay_sides.app_private_key_file),
        "CHECKOUT_ALIPAY_PUBLIC_KEY_FILE": str(alipay_sides.alipay_public_key_file),
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    return parse(environment)


@pytest.fixture
def resources(settings: Settings) -> Iterator[Resources]:
    made = Resources(settings)
    yield made
    made.close()


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """Where the carts are."""
    with Redis.from_url(settings.redis_url) as client:
        yield client


@pytest.fixture
def in_process(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """This process becomes a worker or an API of the test's shop; call it with changes of the environment, if any."""
    from checkout import settings as reader
    from tasks import app as worker

    def become(**changes: str) -> None:
        for name, value in {**environment, **changes}.items():
            monkeypatch.setenv(name, value)
        reader.current.cache_clear()
        worker.resources.cache_clear()

    become()
    yield become
    if worker.resources.cache_info().currsize:
        worker.resources().close()
    reader.current.cache_clear()
    worker.resources.cache_clear()


@pytest.fixture
def checkout(in_process: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs the `checkout` command in this process; where it runs, no stack has left its addresses."""
    del in_process  # The environment names the test's shop.
    monkeypatch.chdir(tmp_path)

    def run(*arguments: Any) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def client(settings: Settings, in_process: Callable[..., None]) -> Iterator[Client]:
    """The API, in this process."""
    del in_process  # The doorbell's Celery application reads the environment.
    with serving(settings) as made:
        yield made


@pytest.fixture(scope="session")
def shared_settings(server: Server, template: str, valkey_server: Valkey, alipay_sides: Keys) -> Settings:
    """One shop for all tests that change nothing in it."""
    url = postgres.create_database(server.url(), "shared", template=template)
    # Its carts lie where no other test puts any.
    carts = {"CHECKOUT_REDIS_URL": valkey_server.url(2)}
    return parse(environment_of(url, valkey_server, alipay_sides) | carts)


@pytest.fixture(scope="session")
def shared_engine(shared_settings: Settings) -> Iterator[Engine]:
    made = db.connect(shared_settings.database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def shared_client(shared_settings: Settings) -> Iterator[Client]:
    with serving(shared_settings) as made:
        yield made


class Standing(NamedTuple):
    """An API process with a database of its own."""

    url: str
    environment: dict[str, str]
    engine: Engine
    log: Path


@pytest.fixture(scope="module")
def standing(
    server: Server,
    databases: Databases,
    valkey_server: Valkey,
    alipay_sides: Keys,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Standing]:
    """For a whole module, whose tests bear what those before them have left: starting it costs more than they do."""
    name, log = databases.take(), tmp_path_factory.mktemp("standing") / "api.log"
    environment = environment_of(server.url(name), valkey_server, alipay_sides)
    made = db.connect(server.url(name), size=8)
    with an_api(environment, log) as url:
        yield Standing(url, environment, made, log)
    made.dispose()
    expect_to_fit(databases.give_back(name))
