from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from redis import Redis

from checkout.alipay.client import Alipay
from checkout.settings import Settings
from sandbox.alipay.keys import Keys
from tests.alipay.hostile import Hostile, listening


@pytest.fixture
def hostile(alipay_sides: Keys) -> Iterator[Hostile]:
    with listening(alipay_sides) as one:
        yield one


@pytest.fixture
def alipay(settings: Settings, redis: Redis, hostile: Hostile) -> Alipay:
    """Our port, with somebody in between."""
    return Alipay(replace(settings, alipay_gateway_url=hostile.url), redis)
