from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from checkout.db import Engine, sql, transaction
from checkout.orders.ledger import Payment
from checkout.settings import parse
from sandbox.alipay.keys import Keys
from sandbox.alipay.switches import Switches
from sandbox.valkey import Valkey
from tests.conftest import SECRET
from tests.gateway.process import LocalAlipay
from tests.payments.shop import TIME_SCALE, Shop
from tests.shared import ports
from tests.shared.databases import Server, create
from tests.shared.factories import a_sku, an_attempt, placed
from tests.shared.notifies import Signer
from tests.shared.processes import eventually, is_well, process

# Products that tell of everything that happens to a trade, and no notify that a test did not ask for.
SWITCHES = Switches(triggers="2021")


@pytest.fixture(scope="session")
def running_alipay(alipay_sides: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAlipay]:
    """A real gateway process, for the whole run."""
    data_dir = tmp_path_factory.mktemp("alipay")
    shutil.copytree(alipay_sides.directory, data_dir, dirs_exist_ok=True)
    running = LocalAlipay(data_dir, TIME_SCALE)
    yield running
    running.kill()


def environment_of(database_url: str, broker: Valkey, gateway: LocalAlipay, **more: str) -> dict[str, str]:
    """What the processes of a shop beside that gateway are told."""
    keys = gateway.keys
    return {
        "CHECKOUT_DATABASE_URL": database_url,
        "CHECKOUT_BROKER_URL": broker.url(0),
        "CHECKOUT_REDIS_URL": broker.url(1),
        "CHECKOUT_JWT_SECRET": SECRET,
        "CHECKOUT_PUBLIC_URL": f"http://127.0.0.1:{ports.free()}",
        "CHECKOUT_SHOP_URL": "http://127.0.0.1:9",
        "CHECKOUT_ALIPAY_APP_ID": keys.app_id,
        "CHECKOUT_ALIPAY_SELLER_ID": keys.seller_id,
        "CHECKOUT_ALIPAY_GATEWAY_URL": gateway.gateway_url,
        "CHECKOUT_ALIPAY_PRIVATE_KEY_FILE": str(keys.app_private_key_file),
        "CHECKOUT_ALIPAY_PUBLIC_KEY_FILE": str(keys.alipay_public_key_file),
        **more,
    }


@contextmanager
def an_open_shop(
    environment: dict[str, str], gateway: LocalAlipay, log: Path, *, connections: int = 8
) -> Iterator[Shop]:
    """A shop whose API runs, in a process of its own, where Alipay finds it."""
    shop = Shop(parse(environment), gateway, connections)
    port = shop.url.rpartition(":")[2]
    with process("api", f"--port={port}", "--workers=1", environment=environment, log=log) as started:

        def is_ready() -> bool:
            assert started.poll() is None, log.read_text(encoding="utf-8")
            return is_well(shop.url)

        eventually(is_ready, "the API is ready")
        yield shop
    shop.close()


@pytest.fixture(scope="session")
def standing_shop(
    server: Server,
    template: str,
    valkey_server: Valkey,
    running_alipay: LocalAlipay,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    url = create(server, "payments", template=template)
    environment = environment_of(url, valkey_server, running_alipay)
    with an_open_shop(environment, running_alipay, tmp_path_factory.mktemp("api") / "log") as shop:
        yield shop


@pytest.fixture
def shop(standing_shop: Shop) -> Shop:
    """The shop with nothing sold yet. Alipay works, and sends no notify before a test has it sent."""
    gateway = standing_shop.gateway
    gateway.skew(0)  # First of all: trades of the last test must not end by it when notifies are no longer lost.
    gateway.admin("DELETE", "faults")
    gateway.admin("PUT", "switches", msgspec.to_builtins(SWITCHES))
    gateway.fault("notify_lost")
    standing_shop.empty()
    return standing_shop


@pytest.fixture
def signer(alipay_sides: Keys) -> Signer:
    return Signer(alipay_sides)


@pytest.fixture
def attempt(engine: Engine) -> Payment:
    """Nobody is about to ask for it: a query that comes sooner is seen, however slow the test is."""
    a_sku(engine)
    made = an_attempt(engine, placed(engine))
    with transaction(engine) as connection:
        made.due_at = connection.execute(
            sql("UPDATE payments SET due_at = now() + interval '1 hour' RETURNING due_at")
        ).scalar_one()
    return made
