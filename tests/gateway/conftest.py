import shutil
from collections.abc import Callable, Iterator

import msgspec
import pytest

from sandbox.alipay import keys
from sandbox.alipay.switches import Switches
from tests.gateway.merchant import Listener, Merchant, listening
from tests.gateway.process import LocalAlipay

TIME_SCALE = 1000.0


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[float], LocalAlipay]]:
    """Starts a gateway with a time scale; all of them share one set of key files, for speed, and nothing else."""
    template = keys.ensure(tmp_path_factory.mktemp("keys")).directory
    started: list[LocalAlipay] = []

    def launch(time_scale: float) -> LocalAlipay:
        data_dir = tmp_path_factory.mktemp("alipay")
        shutil.copytree(template, data_dir, dirs_exist_ok=True)
        started.append(LocalAlipay(data_dir, time_scale))
        return started[-1]

    yield launch
    for alipay in started:
        alipay.kill()


@pytest.fixture(scope="session")
def shared_alipay(start: Callable[[float], LocalAlipay]) -> LocalAlipay:
    return start(TIME_SCALE)


@pytest.fixture
def alipay(shared_alipay: LocalAlipay) -> Iterator[LocalAlipay]:
    """The running gateway; what a test switched, broke or skewed is put right afterwards."""
    yield shared_alipay
    shared_alipay.admin("DELETE", "faults")
    shared_alipay.admin("PUT", "switches", msgspec.to_builtins(Switches()))
    shared_alipay.skew(0)


@pytest.fixture(scope="session")
def merchant(shared_alipay: LocalAlipay) -> Merchant:
    return Merchant(shared_alipay.keys, shared_alipay.gateway_url)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one
