"""The doctor finds each part that is not fit, and names the cure."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from redis import Redis

import ops.checkup.alipay
import ops.doctor
from api.metrics import exposition
from checkout.db import Engine, transaction
from checkout.resources import Resources
from checkout.settings import Settings, parse
from ops.checkup import Diagnosis, stores
from ops.checkup.alipay import alipay
from ops.checkup.tokens import tokens
from ops.checkup.workers import workers
from ops.doctor import PARTS, Checkup
from sandbox.alipay.keys import Keys
from sandbox.valkey import Valkey
from tests.gateway.process import LocalAlipay
from tests.shared.certificates import certificate_mode
from tests.shared.command import Command, in_a_process
from tests.shared.databases import Server, create, drop
from tests.shared.factories import a_sku
from tests.shared.ports import DISCARD
from tests.shared.processes import eventually, process


@pytest.fixture(scope="module")
def gateway(alipay_sides: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAlipay]:
    """A local Alipay that knows the merchant's key."""
    directory = tmp_path_factory.mktemp("alipay-gateway")
    shutil.copytree(alipay_sides.directory, directory, dirs_exist_ok=True)
    running = LocalAlipay(directory, 1)
    yield running
    running.kill()


@pytest.fixture
def reached(environment: dict[str, str], gateway: LocalAlipay) -> dict[str, str]:
    """The environment of a shop whose Alipay answers."""
    return environment | {"CHECKOUT_ALIPAY_GATEWAY_URL": gateway.gateway_url}


@pytest.fixture
def foreign_key(tmp_path: Path) -> Path:
    """A directory with a key pair that nobody knows."""
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "private.pem").write_bytes(private)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    return tmp_path


def states(found: Iterator[Diagnosis]) -> dict[str, str]:
    return {diagnosis.name: diagnosis.state for diagnosis in found}


def test_a_shop_at_work_is_well(reached: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    command = ("celery", "-A", "tasks.app", "worker", "-P", "threads", "-c", "3", "-B")
    with process(*command, "--loglevel=INFO", environment=reached, log=log):
        eventually(lambda: "ready" in log.read_text(encoding="utf-8"), "the worker is ready")
        done = in_a_process("doctor", "--json", environment=reached)
        for _ in range(3):  # He gives each part two seconds to answer, which a busy machine may miss.
            if done.returncode:
                done = in_a_process("doctor", "--json", environment=reached)
    told = json.loads(done.stdout)
    assert {check["name"]: check["state"] for check in told["checks"]} == dict.fromkeys(
        (
            "configuration",
            "key pair",
            "clock",
            "locks",
            "schema",
            "relay",
            "loops",
            "audit",
            "orders",
            "stuck",
            "carts",
            "broker",
            "workers",
            "beat",
            "alipay",
        ),
        "ok",
    )
    assert (done.returncode, told["ok"], done.stderr) == (0, True, "")


def test_wrong_settings_end_the_visit(environment: dict[str, str]) -> None:
    done = in_a_process("doctor", environment=environment | {"CHECKOUT_PAY_WINDOW": "soon"})
    assert done.returncode == 1
    assert done.stdout == "fail  configuration  CHECKOUT_PAY_WINDOW is wrong: set a duration like 30m\n"


def test_without_workers_the_queues_are_named(checkout: Command) -> None:
    del checkout  # This process has the shop's environment.
    [served] = workers()
    assert (served.state, "-Q orders,refunds,alipay,webhooks,default" in served.detail) == ("fail", True)


def test_a_database_that_is_away_or_empty(environment: dict[str, str], server: Server) -> None:
    away = f"postgresql+psycopg2://nobody@127.0.0.1:{DISCARD}/x"
    assert states(stores.database(parse(environment | {"CHECKOUT_DATABASE_URL": away}))) == {"database": "fail"}
    empty = create(server, "doctors_empty")
    found = list(stores.database(parse(environment | {"CHECKOUT_DATABASE_URL": empty})))
    assert states(iter(found)) == {"clock": "ok", "locks": "ok", "schema": "fail"}
    assert "checkout migrate" in found[-1].detail
    drop(server, "doctors_empty")


def test_days_without_partitions_and_events_that_wait(engine: Engine, settings: Settings) -> None:
    a_sku(engine)
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE events SET at = at - interval '11 seconds'")
        connection.exec_driver_sql("SELECT drop_partitions('events', current_date + 30)")
        connection.exec_driver_sql(
            "INSERT INTO events (at, topic, subject, sequence, data) VALUES "
            "(now() - interval '11 seconds', 'order.placed', '1', 1, '{}')"
        )
    found = states(stores.database(settings))
    assert (found["schema"], found["relay"], found["loops"]) == ("warn", "fail", "ok")


def test_a_redis_that_forgets_or_evicts(settings: Settings, broker: Valkey) -> None:
    assert states(stores.brokers(settings)) == {"broker": "ok"}
    with Redis.from_url(broker.url(0)) as redis:
        try:
            redis.config_set("appendonly", "no")
            assert next(stores.carts(settings)).state == "warn"
            redis.config_set("maxmemory", "1gb")
            redis.config_set("maxmemory-policy", "allkeys-lru")
            assert next(stores.carts(settings)).detail.endswith("set maxmemory-policy noeviction")
        finally:
            redis.config_set("maxmemory", "0")
            redis.config_set("maxmemory-policy", "noeviction")
            redis.config_set("appendonly", "yes")


def test_brokers_that_are_away(environment: dict[str, str]) -> None:
    away = {
        "CHECKOUT_BROKER_URL": f"amqp://guest:hush@127.0.0.1:{DISCARD}//",
        "CHECKOUT_EVENTS_URL": f"redis://:hush@127.0.0.1:{DISCARD}/0",
    }
    found = list(stores.brokers(parse(environment | away)))
    assert states(iter(found)) == {"broker": "fail", "events": "fail"}
    assert not any("hush" in diagnosis.detail for diagnosis in found)


def test_our_own_key_instead_of_alipays(environment: dict[str, str], foreign_key: Path) -> None:
    mixed_up = {
        "CHECKOUT_ALIPAY_PRIVATE_KEY_FILE": str(foreign_key / "private.pem"),
        "CHECKOUT_ALIPAY_PUBLIC_KEY_FILE": str(foreign_key / "public.pem"),
    }
    found = next(alipay(parse(environment | mixed_up)))
    assert (found.state, "take Alipay's from the console" in found.detail) == ("fail", True)


@pytest.fixture
def certified(environment: dict[str, str], alipay_sides: Keys, tmp_path: Path) -> Callable[[int], dict[str, str]]:
    """A shop in certificate mode, whose own certificate holds for so many days."""

    return lambda days: environment | certificate_mode(alipay_sides, tmp_path, days)


@pytest.mark.parametrize(("days", "state"), [(-2, "fail"), (29, "warn"), (31, "ok")])
def test_a_certificate_that_ends(certified: Callable[[int], dict[str, str]], days: int, state: str) -> None:
    pair, certificates, *_ = alipay(parse(certified(days)))
    assert pair.detail.startswith("certificate mode: ")
    assert (certificates.name, certificates.state) == ("certificates", state)
    assert (f"app {days} days" if days >= 0 else f"app ended {-days} days ago") in certificates.detail


def test_the_metrics_tell_the_days_that_are_left(certified: Callable[[int], dict[str, str]], in_process: None) -> None:
    del in_process  # Its process has a shop's environment.
    told = exposition(Resources(parse(certified(12)))).decode()
    assert 'checkout_certificate_days_left{certificate="app"} 12' in told


def test_key_mode_is_told_from_certificate_mode(environment: dict[str, str]) -> None:
    assert next(alipay(parse(environment))).detail.startswith("key mode: ")


def test_what_hangs_holds_up_neither_the_others_nor_the_end(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """As a RabbitMQ with a memory alarm does, which takes what is published and answers nothing."""
    said, hangs = threading.Event(), threading.Event()
    parts = {part.name: part for part in PARTS}

    def broker(_told: Settings) -> Iterator[Diagnosis]:
        yield Diagnosis("broker", "ok", "it is there")
        said.set()
        hangs.wait()

    monkeypatch.setattr(ops.doctor, "LONGEST_SECONDS", 0.1)
    checkup = Checkup(parts["broker"]._replace(look=broker), settings)
    assert said.wait(60)
    found = list(checkup.until(time.monotonic()))
    assert [(one.name, one.state) for one in found] == [("broker", "ok"), ("broker", "fail")]
    assert "memory or disk alarm" in found[1].detail
    assert [one.state for one in Checkup(parts["carts"], settings).until(time.monotonic() + 60)] == ["ok"]
    hangs.set()


def test_only_of_a_broker_is_it_said_that_rabbitmq_may_have_an_alarm() -> None:
    assert [part.name for part in PARTS if "RabbitMQ" in part.cure] == ["broker"]


def test_an_alipay_that_takes_connections_and_is_silent_has_its_own_line_in_time(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.checkup.alipay.CALL_SECONDS", 0.3)
    [part] = [part for part in PARTS if part.name == "alipay"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silence = {"CHECKOUT_ALIPAY_GATEWAY_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/gateway.do"}
        *_, found = Checkup(part, parse(environment | silence)).until(time.monotonic() + 60)
    assert (found.name, found.state) == ("alipay", "fail")
    assert found.detail.startswith("no answer from 127.0.0.1: ReadTimeoutError: see CHECKOUT_ALIPAY_GATEWAY_URL")


def test_what_the_doctor_asks_of_alipay_takes_less_than_he_has() -> None:
    """With Redis, which counts the call before and after it."""
    assert ops.checkup.alipay.CALL_SECONDS + 2 * ops.checkup.alipay.REDIS_SECONDS < ops.doctor.LONGEST_SECONDS


def test_the_doctors_process_ends_although_a_part_hangs(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        hanging = {
            "CHECKOUT_DATABASE_URL": f"postgresql+psycopg2://a@{address}/b",
            "CHECKOUT_REDIS_URL": f"redis://{address}/0",
            "CHECKOUT_BROKER_URL": f"amqp://a:b@{address}//",
            "CHECKOUT_ALIPAY_GATEWAY_URL": f"http://{address}/gateway.do",
        }
        done = in_a_process("doctor", environment=environment | hanging)
    failed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("fail")}
    assert failed >= {"database", "carts", "broker", "alipay"}
    assert "no answer from 127.0.0.1" in done.stdout
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("setting", "value", "cure"),
    [
        ("ALIPAY_PRIVATE_KEY_FILE", "private.pem", "upload the public half"),
        ("ALIPAY_PUBLIC_KEY_FILE", "public.pem", "must hold Alipay's own public key"),
        ("ALIPAY_APP_ID", "2021000000000000", "mend CHECKOUT_ALIPAY_APP_ID"),
        ("ALIPAY_GATEWAY_URL", "http://127.0.0.1:9/gateway.do", "see CHECKOUT_ALIPAY_GATEWAY_URL"),
    ],
)
def test_what_alipay_does_not_like(
    reached: dict[str, str], foreign_key: Path, setting: str, value: str, cure: str
) -> None:
    told = str(foreign_key / value) if value.endswith(".pem") else value
    found = list(alipay(parse(reached | {f"CHECKOUT_{setting}": told})))[-1]
    assert (found.state, cure in found.detail) == ("fail", True), found.detail


KEYS = {"keys": [{"kty": "oct", "k": "b25lIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzIG9yIG1vcmU", "kid": "one"}]}


@pytest.mark.parametrize(
    ("content", "named", "expected"),
    [
        (json.dumps(KEYS), {"JWT_AUDIENCE": "checkout", "JWT_ISSUER": "https://id.example"}, "ok"),
        (json.dumps(KEYS), {"JWT_AUDIENCE": "checkout"}, "warn"),
        ("{}", {"JWT_AUDIENCE": "checkout", "JWT_ISSUER": "https://id.example"}, "fail"),
    ],
)
def test_the_identity_provider_is_looked_at(
    environment: dict[str, str], tmp_path: Path, content: str, named: dict[str, str], expected: str
) -> None:
    (tmp_path / "keys.json").write_text(content, encoding="utf-8")
    told = {"JWKS": str(tmp_path / "keys.json"), **named}
    assert states(tokens(parse(environment | {f"CHECKOUT_{name}": value for name, value in told.items()}))) == {
        "identity": expected
    }
    assert states(tokens(parse(environment))) == {}
