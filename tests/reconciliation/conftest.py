from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import pytest

from checkout.resources import Resources
from sandbox.alipay.keys import Keys
from sandbox.alipay.switches import Switches
from tests.gateway.process import LocalAlipay
from tests.reconciliation.shop import Shop

TIME_SCALE = 1000.0
SECONDS_OF_A_TEST = 120
MIDNIGHT_IN_BEIJING_SECONDS = 16 * 3600  # of the day in UTC


@pytest.fixture(scope="session")
def running_gateway(alipay_sides: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAlipay]:
    data_dir = tmp_path_factory.mktemp("reconciled") / "alipay"
    shutil.copytree(alipay_sides.directory, data_dir)
    running = LocalAlipay(data_dir, TIME_SCALE)
    yield running
    running.kill()


@pytest.fixture
def gateway(running_gateway: LocalAlipay) -> LocalAlipay:
    """A local Alipay that has seen nobody yet: a bill names all that ever happened there."""
    with closing(sqlite3.connect(running_gateway.data_dir / "alipay.sqlite3")) as store, store:
        for table in ("attempts", "notifies", "refunds", "trades", "offers", "closed_days", "downloads"):
            store.execute(f"DELETE FROM {table}")
    running_gateway.admin("DELETE", "faults")
    running_gateway.admin("PUT", "switches", msgspec.to_builtins(Switches()))
    running_gateway.skew(0)
    return running_gateway


@pytest.fixture
def environment(environment: dict[str, str], gateway: LocalAlipay) -> dict[str, str]:
    """The shop's environment, with that Alipay; nobody hears its notifies."""
    changes = {
        "CHECKOUT_ALIPAY_GATEWAY_URL": gateway.gateway_url,
        "CHECKOUT_PUBLIC_URL": "http://127.0.0.1:9",
        "CHECKOUT_TIME_SCALE": str(TIME_SCALE),
    }
    return environment | changes


@pytest.fixture
def shop(resources: Resources, gateway: LocalAlipay) -> Shop:
    """Its day does not end during the test."""
    to_midnight = (MIDNIGHT_IN_BEIJING_SECONDS - datetime.now(UTC).timestamp()) % 86400
    if to_midnight < SECONDS_OF_A_TEST:
        time.sleep(to_midnight + 1)
    return Shop(resources, gateway)
