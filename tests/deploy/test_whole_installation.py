"""Every unit's own command at work, from an installation made as docs/deployment.md says.

It runs where CHECKOUT_TEST_INSTALLED names that installation, as `/opt/checkout`, and CHECKOUT_TEST_POSTGRES_URL a
PostgreSQL on a port: as root, who becomes another user for each of the units, on the ports that the units name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from docs.drills.load import pay
from ops.demo.shop import Buyer, Shop
from sandbox.alipay import keys
from sandbox.alipay.door import token_of
from sandbox.valkey import Valkey
from tests.deploy import units
from tests.gateway.process import LocalAlipay
from tests.shared import databases
from tests.shared.databases import OTHER_URL, Other
from tests.shared.processes import HTTP, eventually, is_well
from tests.stack.family import command_line, descendants

INSTALLED = Path(os.environ.get("CHECKOUT_TEST_INSTALLED", "/nowhere"))
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (INSTALLED.is_dir() and OTHER_URL and units.ANALYZE),
        reason="CHECKOUT_TEST_INSTALLED and CHECKOUT_TEST_POSTGRES_URL name no installation and PostgreSQL",
    ),
]
STAYING = [name for name in units.SERVICES if name not in units.ENDING]
# As DynamicUser would choose, and with no capability left.
USER = 61184
IDENTITY = f"--reuid={USER} --regid={USER} --clear-groups --inh-caps=-all --bounding-set=-all"
URL = "http://127.0.0.1:8000"
FLOWER = "http://127.0.0.1:5555/flower"
SECRET = "a secret of at least thirty-two bytes"
METRICS_TOKEN = "a token of Prometheus"
CONFINED = {"Uid": str(USER), "CapEff": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}
GOODS = [{"sku_id": "1", "spu_id": "1", "title": "a", "price": "20.00", "stock": 10, "on_sale": True}]


class Machine:
    """What lies in /etc and /run of one that runs the service, and the processes there."""

    def __init__(self, directory: Path, told: dict[str, str], secrets: dict[str, str]) -> None:
        self.directory = directory
        self._credentials = directory / "credentials"
        self._credentials.mkdir()
        for name, content in secrets.items():
            (self._credentials / name).write_text(content, encoding="utf-8")
        for file in [*self._credentials.iterdir(), self._credentials]:
            os.chown(file, USER, USER)
            file.chmod(0o500 if file.is_dir() else 0o400)
        self._told = told

    def running(self, service: str) -> Any:
        """The service's own process, as its unit starts it."""
        variables = {key: value.replace("%d", str(self._credentials)) for key, value in self._variables(service)}
        state = f"--db={self.directory / service}.tmp/tasks"
        replaced = [("--db=/var/lib/checkout-flower/tasks", state)] if service == "checkout-flower" else []
        return units.confined(service, self.directory, variables, *replaced, programs=INSTALLED / "bin")

    def _variables(self, service: str) -> list[tuple[str, str]]:
        confinement = {"IDENTITY": IDENTITY, "SYSCALLS": " ".join(sorted(units.system_calls())), "DIRECTORY": "/"}
        return [*(self._told | units.variables(service) | confinement).items()]

    def run(self, service: str) -> None:
        """One that does its work and ends."""
        with self.running(service) as child:
            assert child.wait(units.STOP_SECONDS) == 0, self.log(service)

    def log(self, service: str) -> str:
        return (self.directory / f"{service}.log").read_text(encoding="utf-8")

    def checkout(self, *words: object) -> str:
        """An operator's command, by root."""
        own = dict(self._variables("checkout-migrate"))
        own = {key: value.replace("%d", str(self._credentials)) for key, value in own.items()}
        command = [str(INSTALLED / "bin/checkout"), *map(str, words)]
        done = subprocess.run(command, env=own, cwd="/", capture_output=True, encoding="utf-8", timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def directory() -> Iterator[Path]:
    """Whoever a unit becomes may enter it, unlike the directories of the test run."""
    made = Path(tempfile.mkdtemp(prefix="checkout-units-", dir="/var/tmp"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def other_database() -> Iterator[str]:
    other = Other()
    yield databases.create(other, "installation")
    databases.drop(other, "installation")


@pytest.fixture
def alipay(tmp_path: Path) -> Iterator[LocalAlipay]:
    keys.ensure(tmp_path / "alipay")
    started = LocalAlipay(tmp_path / "alipay", 1)
    yield started
    started.kill()


@pytest.fixture
def machine(directory: Path, other_database: str, broker: Valkey, alipay: LocalAlipay) -> Machine:
    example = (units.SOURCE / "environment.example").read_text(encoding="utf-8")
    told = dict(re.findall(r"^(CHECKOUT_\w+)=(.*)$", example, re.MULTILINE)) | {
        "CHECKOUT_PUBLIC_URL": URL,
        "CHECKOUT_SHOP_URL": URL,
        "CHECKOUT_ALIPAY_APP_ID": alipay.keys.app_id,
        "CHECKOUT_ALIPAY_SELLER_ID": alipay.keys.seller_id,
        "CHECKOUT_ALIPAY_GATEWAY_URL": alipay.gateway_url,
    }
    secrets = {
        "database_url": other_database,
        "broker_url": broker.url(0),
        "redis_url": broker.url(1),
        "jwt_secret": SECRET,
        "metrics_token": METRICS_TOKEN,
        "flower_basic_auth": "operator:word",
        "alipay_private_key": alipay.keys.app_private_key_file.read_text(encoding="utf-8"),
        "alipay_public_key": alipay.keys.alipay_public_key_file.read_text(encoding="utf-8"),
    }
    return Machine(directory, told, secrets)


@contextmanager
def all_running(machine: Machine) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    with ExitStack() as stack:
        running = {name: stack.enter_context(machine.running(name)) for name in STAYING}

        def is_ready() -> bool:
            for name, child in running.items():
                assert child.poll() is None, f"{name}: {machine.log(name)}"
            return is_well(URL) and status(f"{FLOWER}/healthcheck") == 200

        eventually(is_ready, "API and Flower are ready")
        yield running


def status(url: str, **headers: str) -> int:
    """0: nobody answers."""
    try:
        return HTTP.request("GET", url, headers=headers).status
    except urllib3.exceptions.HTTPError:
        return 0


def test_the_units_take_pay_and_refund_an_order_as_confined_as_they_are(machine: Machine, alipay: LocalAlipay) -> None:
    machine.run("checkout-migrate")
    goods = machine.directory / "goods.json"
    goods.write_text(json.dumps(GOODS), encoding="utf-8")
    machine.checkout("catalog", "load", goods)
    with all_running(machine) as running:
        for name, child in running.items():
            eventually(lambda child=child: confinement(child) == CONFINED, f"{name} is confined")  # type: ignore[misc] # Bound now.
        shop = Shop(
            {
                "CHECKOUT_SHOP_URL": URL,
                "CHECKOUT_PUBLIC_URL": URL,
                "CHECKOUT_JWT_SECRET": SECRET,
                "CHECKOUT_ALIPAY_GATEWAY_URL": alipay.gateway_url,
                "CHECKOUT_ALIPAY_APP_ID": alipay.keys.app_id,
                "CHECKOUT_ALIPAY_SELLER_ID": alipay.keys.seller_id,
            },
            token_of(alipay.data_dir),
            lambda *words: machine.checkout(*words),
        )
        order = paid(shop)
        assert refunded(shop, order) == "succeeded"
        every_process_tells_its_numbers()
        flower_is_behind_its_login()
        reload(running["checkout-api"])
        paid(shop)
        machine.run("checkout-audit")
        for child in running.values():
            child.terminate()
        for name, child in running.items():
            assert child.wait(units.STOP_SECONDS) == 0, machine.log(name)


def confinement(child: subprocess.Popen[bytes]) -> dict[str, str]:
    """What the kernel says of the process (proc_pid_status(5)); 2: its system calls are filtered."""
    lines = Path(f"/proc/{child.pid}/status").read_text(encoding="utf-8").splitlines()
    told = {name: value.split()[0] for name, _, value in (line.partition(":") for line in lines) if value.strip()}
    return {name: told[name] for name in ("Uid", "CapEff", "NoNewPrivs", "Seccomp")}


def reload(api: subprocess.Popen[bytes]) -> None:
    """ExecReload, until none of its older processes is left."""
    older = serving(api)
    api.send_signal(signal.SIGHUP)
    eventually(lambda: not older & serving(api), "new processes have taken the place of the older ones")


def serving(api: subprocess.Popen[bytes]) -> set[int]:
    """The processes that answer requests."""
    found = {pid for pid in descendants(api.pid) if "spawn_main" in command_line(pid)}
    assert found
    return found


def paid(shop: Shop) -> str:
    buyer = shop.buyer()
    order = buyer.placed("1")["id"]
    pay(buyer.open_payment(order))
    buyer.until(order, lambda seen: seen["status"] == "awaiting_shipment", 30, "the money")
    return str(order)


def refunded(shop: Shop, order: str) -> str:
    body = {"items": [{"sku_id": "1", "quantity": 1}], "restock": True, "reason": "a test"}
    refund = shop.operator.send("POST", f"/v1/orders/{order}/refunds", body, {"Idempotency-Key": "one"}).json()

    def is_over() -> bool:
        return bool(ends(shop.operator, order, refund["id"]))

    eventually(is_over, "the refund is over")
    return ends(shop.operator, order, refund["id"])


def ends(operator: Buyer, order: str, refund: str) -> str:
    """The refund's status once it has one for ever."""
    found = [one for one in operator.call("GET", f"/v1/orders/{order}/refunds")["refunds"] if one["id"] == refund]
    return found[0]["status"] if found[0]["status"] in ("succeeded", "failed") else ""


def every_process_tells_its_numbers() -> None:
    ports = [units.variables(name).get("CHECKOUT_METRICS_PORT") for name in STAYING]
    told = {port: status(f"http://127.0.0.1:{port}/metrics") for port in ports if port}
    assert told == dict.fromkeys(told, 200)


def flower_is_behind_its_login() -> None:
    told = urllib3.make_headers(basic_auth="operator:word")
    assert (status(f"{FLOWER}/workers"), status(f"{FLOWER}/workers", **told)) == (401, 200)
