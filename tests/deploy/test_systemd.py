"""systemd's units: before systemd-analyze, before our settings, and at work inside most of what they confine to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checkout import settings
from checkout.db import Engine
from checkout.settings.secret_files import SECRETS, SUFFIX
from tests.deploy import units
from tests.deploy.tools import queues, run
from tests.shared import ports
from tests.shared.client import an_order_body, token
from tests.shared.factories import a_sku
from tests.shared.processes import HTTP, eventually, is_well

needs_systemd = pytest.mark.skipif(not units.ANALYZE, reason="systemd-analyze is not here")
EXPOSURE = 15  # Of 100, where systemd calls 20 and less "OK" and a unit without a word of this 96.
DRAIN_SECONDS = 30


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return units.installed(tmp_path_factory.mktemp("units"))


def analyze(directory: Path, *words: str) -> str:
    # An empty name at the end stands for systemd's own directories.
    return run(units.ANALYZE, *words, environment={"SYSTEMD_UNIT_PATH": f"{directory}:"}, directory=directory)


@needs_systemd
@pytest.mark.parametrize(
    "unit", ["checkout.target", "checkout-audit.timer", *(f"{name}.service" for name in units.SERVICES)]
)
def test_systemd_finds_no_fault(directory: Path, unit: str) -> None:
    assert analyze(directory, "verify", "--man=no", unit) == ""


@needs_systemd
@pytest.mark.parametrize("service", units.SERVICES)
def test_little_is_left_to_who_breaks_in(directory: Path, service: str) -> None:
    words = ("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", f"{service}.service")
    assert "Overall exposure level" in analyze(directory, *words)


def test_the_target_wants_every_service_and_each_worker_has_its_file() -> None:
    text = (units.SOURCE / "checkout.target").read_text(encoding="utf-8")
    wanted = " ".join(re.findall(r"^Wants=(.*)$", text, re.MULTILINE)).split()
    # Flower is for who wants it, and the audit for its timer.
    assert sorted([*wanted, "checkout-flower.service"]) == sorted(
        "checkout-audit.timer" if name == "checkout-audit" else f"{name}.service" for name in units.SERVICES
    )


def test_every_queue_has_a_worker() -> None:
    served = {units.variables(name)["QUEUE"] for name in units.SERVICES if "@" in name}
    assert sorted(served) == queues()


def test_no_two_processes_of_one_machine_share_a_port() -> None:
    asked = [units.variables(name).get("CHECKOUT_METRICS_PORT") for name in units.SERVICES]
    found = [port for port in asked if port]
    # Neither who does his work and is gone nor Flower counts anything.
    assert len({*found}) == len(found) == len(units.SERVICES) - len(units.ENDING) - 1


@pytest.mark.parametrize("service", units.SERVICES)
def test_a_service_that_ends_comes_again_and_one_that_is_ended_may_drain(service: str) -> None:
    if service not in units.ENDING:
        assert units.values(service, "Restart") == ["always"]
    [seconds] = units.values(service, "TimeoutStopSec")
    assert int(seconds) > DRAIN_SECONDS
    assert units.values(service, "KillMode") == ["mixed"]


@pytest.mark.parametrize("service", units.SERVICES)
def test_the_settings_of_each_service_hold(service: str, environment: dict[str, str], tmp_path: Path) -> None:
    loaded = dict(line.split(":") for line in units.values(service, "LoadCredential"))
    for name, source in loaded.items():
        assert source == f"/etc/checkout/secrets/{name}"
        key = f"CHECKOUT_{name.upper()}"
        content = environment.get(key) or environment.get(f"{key}_FILE") or {"metrics_token": "t"}.get(name, "u:p")
        is_file = f"{key}_FILE" in environment
        (tmp_path / name).write_text(
            Path(content).read_text(encoding="utf-8") if is_file else content, encoding="utf-8"
        )
    example = (units.SOURCE / "environment.example").read_text(encoding="utf-8")
    told = dict(re.findall(r"^(CHECKOUT_\w+)=(.*)$", example, re.MULTILINE)) | units.variables(service)
    assert not SECRETS & told.keys()
    named = {value.removeprefix("%d/") for key, value in told.items() if key.endswith(SUFFIX)}
    assert named == loaded.keys()
    parsed = settings.parse({key: value.replace("%d", str(tmp_path)) for key, value in told.items()})
    assert parsed.jwt_secret == environment["CHECKOUT_JWT_SECRET"]


@pytest.mark.parametrize(
    "is_filtered",
    [
        pytest.param(False, id="nothing can be written"),
        pytest.param(True, id="few system calls are allowed", marks=needs_systemd),
    ],
)
def test_an_order_is_placed_where(
    environment: dict[str, str], engine: Engine, tmp_path: Path, is_filtered: bool
) -> None:
    if not units.can_confine(tmp_path):
        pytest.skip("unshare may not mount here")
    a_sku(engine)
    port = ports.free()
    url = f"http://127.0.0.1:{port}"
    confined = environment | ({"SYSCALLS": " ".join(units.system_calls())} if is_filtered else {})
    counted = confined | {"CHECKOUT_METRICS_PORT": str(ports.free())}
    with (
        units.confined("checkout-api", tmp_path, counted, ("8000", str(port))),
        units.confined("checkout-worker@orders", tmp_path, confined) as worker,
    ):
        eventually(lambda: is_well(url), "the API is ready")
        headers = {"Authorization": f"Bearer {token(settings.parse(environment))}"}
        made = HTTP.request(
            "POST", f"{url}/v1/orders", headers=headers | {"Idempotency-Key": "k"}, json=an_order_body()
        )
        assert made.status == 202, made.data
        path = f"{url}{made.headers['Location']}"
        eventually(
            lambda: HTTP.request("GET", path, headers=headers).json()["status"] == "awaiting_payment", "it is placed"
        )
        worker.terminate()
        assert worker.wait(units.STOP_SECONDS) == 0
