"""What cannot serve is said at the start: wrong passwords, names, databases, virtual hosts and certificates."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis

from checkout import db, settings, startup
from checkout.db import sql
from checkout.errors import SettingsError
from checkout.events import bus
from checkout.postgres import sessions
from checkout.startup import Fault
from sandbox import postgres
from sandbox.valkey import Valkey
from tests.shared import ports
from tests.shared.databases import OTHER_URL, Server
from tests.shared.processes import ROOT, eventually, process
from tests.shared.tls import authority, ending_tls

AMQP_URL = os.environ.get("CHECKOUT_TEST_AMQP_URL", "")
needs_rabbitmq = pytest.mark.skipif(not AMQP_URL, reason="CHECKOUT_TEST_AMQP_URL names no RabbitMQ")


def faults(environment: dict[str, str], **changes: str) -> list[Fault]:
    named = {f"CHECKOUT_{name}": value for name, value in changes.items()}
    return startup.faults(settings.parse(environment | named))


def verdict(environment: dict[str, str], **changes: str) -> str:
    """The one fault that these settings have; waiting does not mend it."""
    [fault] = faults(environment, **changes)
    assert not fault.may_pass, fault.says
    [name] = changes
    assert fault.says.startswith(f"CHECKOUT_{name} is wrong: "), fault.says
    return fault.says


def test_where_all_is_there_nothing_is_said(environment: dict[str, str]) -> None:
    assert faults(environment) == []
    startup.refuse_what_cannot_serve(settings.parse(environment))


def test_a_role_or_a_database_that_is_not_there(environment: dict[str, str], server: Server) -> None:
    assert 'database "nowhere" does not exist' in verdict(environment, DATABASE_URL=server.url("nowhere"))
    stranger = server.url("postgres").replace("//checkout@", "//stranger@")
    assert 'role "stranger" does not exist' in verdict(environment, DATABASE_URL=stranger)


@pytest.fixture
def guarded() -> Iterator[str]:
    """A PostgreSQL that asks for a password."""
    with postgres.temporary_server() as server:
        engine = db.connect(server.url(), size=1)
        with engine.connect() as connection:
            connection.execute(sql("ALTER ROLE checkout PASSWORD 'right'"))
            (server.data_dir / "pg_hba.conf").write_text("local all all scram-sha-256\n", encoding="utf-8")
            connection.execute(sql("SELECT pg_reload_conf()"))
        engine.dispose()
        yield server.url()


def test_a_wrong_password_of_the_database(environment: dict[str, str], guarded: str) -> None:
    wrong = guarded.replace("//checkout@", "//checkout:wrong%40@")
    assert "password authentication failed" in verdict(environment, DATABASE_URL=wrong)
    assert faults(environment, DATABASE_URL=guarded.replace("//checkout@", "//checkout:right@")) == []


@pytest.mark.skipif(not OTHER_URL, reason="CHECKOUT_TEST_POSTGRES_URL names no PostgreSQL on a port")
def test_a_certificate_of_the_database_that_does_not_hold(environment: dict[str, str], tmp_path: Path) -> None:
    ca, _ = authority(tmp_path)
    url = OTHER_URL.replace("postgresql://", "postgresql+psycopg2://")
    verdict(environment, DATABASE_URL=f"{url}?sslmode=verify-full&sslrootcert={ca}")


def test_a_server_that_is_too_old(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "OLDEST_VERSION", 99)
    [fault] = faults(environment)
    assert "99 or newer is needed" in fault.says
    assert not fault.may_pass


@pytest.fixture
def locked(broker: Valkey) -> Iterator[str]:
    """A Redis user of the test's own, with a password."""
    with Redis.from_url(broker.url(0)) as redis:
        redis.execute_command("ACL", "SETUSER", "shop", "on", ">right", "~*", "&*", "+@all")
        yield f"redis://shop:right@{urlsplit(broker.url(0)).netloc.rpartition('@')[2]}/0"
        redis.execute_command("ACL", "DELUSER", "shop")


@pytest.mark.parametrize("name", ["REDIS_URL", "BROKER_URL"])
def test_a_wrong_password_or_database_of_redis(environment: dict[str, str], locked: str, name: str) -> None:
    given = environment | {"CHECKOUT_EVENTS_URL": environment["CHECKOUT_BROKER_URL"]}
    assert faults(given, **{name: locked}) == []
    told = verdict(given, **{name: locked.replace("right", "wrong")})
    assert "the server refuses user, password" in told
    assert "wrong@" not in told
    assert "the server refuses user" in verdict(given, **{name: locked.replace("/0", "/99")})


@needs_rabbitmq
def test_a_wrong_password_or_virtual_host_of_rabbitmq(environment: dict[str, str]) -> None:
    given = environment | {"CHECKOUT_EVENTS_URL": environment["CHECKOUT_BROKER_URL"]}
    host = urlsplit(AMQP_URL).netloc.rpartition("@")[2]
    assert faults(given, BROKER_URL=AMQP_URL) == []
    assert "the server refuses" in verdict(given, BROKER_URL=f"amqp://guest:wrong@{host}//")
    assert "the server refuses" in verdict(given, BROKER_URL=f"{AMQP_URL.rstrip('/')}/nowhere")


@pytest.fixture
def encrypted(broker: Valkey, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The Valkey behind TLS: its address, and the authority that it needs."""
    ca, chain = authority(tmp_path)
    parts = urlsplit(broker.url(0))
    with ending_tls(chain, parts.port or 0) as port:
        user, _, _ = parts.netloc.rpartition("@")
        yield f"rediss://{user}@127.0.0.1:{port}/0", ca


def test_redis_is_believed_only_by_its_authority(environment: dict[str, str], encrypted: tuple[str, Path]) -> None:
    url, ca = encrypted
    ours = f"{url}?ssl_ca_certs={ca}"
    assert faults(environment, BROKER_URL=ours, REDIS_URL=ours) == []
    assert "name its CA with ?ssl_ca_certs=FILE" in verdict(environment, REDIS_URL=url)
    parsed = settings.parse(environment | {"CHECKOUT_BROKER_URL": ours, "CHECKOUT_EVENTS_URL": url})
    assert bus.reachable(parsed.broker_url)
    assert not bus.reachable(parsed.events_url)  # kombu alone would have trusted anybody.


def test_a_worker_works_over_tls(environment: dict[str, str], encrypted: tuple[str, Path], tmp_path: Path) -> None:
    url, ca = encrypted
    ours = environment | {"CHECKOUT_BROKER_URL": f"{url}?ssl_ca_certs={ca}&ssl_cert_reqs=CERT_REQUIRED"}
    command = ("celery", "-A", "tasks.app", "worker", "-P", "threads", "-I", "sandbox.ready")
    log = tmp_path / "log"
    with process(*command, environment=ours, log=log):
        eventually(lambda: "ready" in log.read_text(encoding="utf-8"), "the worker is ready")


@needs_rabbitmq
def test_rabbitmq_is_believed_only_by_its_authority(environment: dict[str, str], tmp_path: Path) -> None:
    ca, chain = authority(tmp_path)
    parts = urlsplit(AMQP_URL)
    with ending_tls(chain, parts.port or 5672) as port:
        user, _, _ = parts.netloc.rpartition("@")
        url = f"amqps://{user}@127.0.0.1:{port}//"
        assert faults(environment, BROKER_URL=f"{url}?ssl_ca_certs={ca}") == []
        given = environment | {"CHECKOUT_EVENTS_URL": environment["CHECKOUT_BROKER_URL"]}
        assert "name its CA with ?ssl_ca_certs=FILE" in verdict(given, BROKER_URL=url)


@needs_rabbitmq
def test_tls_where_there_is_none(environment: dict[str, str]) -> None:
    given = environment | {"CHECKOUT_EVENTS_URL": environment["CHECKOUT_BROKER_URL"]}
    assert "see port and scheme" in verdict(given, BROKER_URL=AMQP_URL.replace("amqp://", "amqps://"))


def test_a_server_that_is_away_or_silent_is_waited_for(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        found = faults(
            environment,
            DATABASE_URL=f"postgresql+psycopg2://a@{address}/b",
            REDIS_URL=f"redis://{address}/0",
            EVENTS_URL=f"amqp://a:b@{address}//",
            BROKER_URL=f"redis://127.0.0.1:{ports.DISCARD}/0",
        )
    assert [fault.may_pass for fault in found] == [True] * 4, found
    away = environment | {"CHECKOUT_REDIS_URL": f"redis://127.0.0.1:{ports.DISCARD}/0"}
    startup.refuse_what_cannot_serve(settings.parse(away))


def test_who_runs_a_process_alone_is_told_too(environment: dict[str, str], locked: str, tmp_path: Path) -> None:
    wrong = environment | {"CHECKOUT_BROKER_URL": locked.replace("right", "wrong")}
    with pytest.raises(SettingsError):
        startup.refuse_what_cannot_serve(settings.parse(wrong))
    for command in (
        ("api", "--port=1"),
        ("celery", "-A", "tasks.app", "worker"),
        ("celery", "-A", "tasks.app", "beat"),
    ):
        log = tmp_path / command[-1]
        with process(*command, environment=wrong, log=log) as started:
            assert started.wait(60) != 0
        assert "CHECKOUT_BROKER_URL is wrong: the server refuses" in log.read_text(encoding="utf-8")


def test_up_ends_with_the_cure(environment: dict[str, str], locked: str, tmp_path: Path) -> None:
    """Instead of filling its log with what each process has to say about it."""
    own = {name: value for name, value in settings.environment().items() if not name.startswith("CHECKOUT_")}
    wrong = own | {
        "CHECKOUT_REDIS_URL": locked.replace("right", "wrong"),
        "CHECKOUT_DATABASE_URL": environment["CHECKOUT_DATABASE_URL"],
    }
    options = [f"--{name}={ports.free()}" for name in ("port", "flower-port", "alipay-port")]
    command = [sys.executable, "-m", "ops.main", "up", f"--data-dir={tmp_path / 'stack'}", *options]
    done = subprocess.run(command, env=wrong, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=100, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "CHECKOUT_REDIS_URL is wrong: the server refuses user, password" in done.stderr
