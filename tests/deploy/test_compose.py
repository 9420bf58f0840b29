"""compose.yaml, before Docker Compose itself, which knows the specification's schema, and before our settings."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from redis import Redis, exceptions

from checkout import settings
from checkout.settings.secret_files import SECRETS
from sandbox.alipay.keys import Keys
from sandbox.valkey import Valkey
from tests.deploy.tools import DEPLOY, program, queues, run
from tests.shared import ports
from tests.shared.processes import ROOT, eventually

OURS = {"api", "orders", "refunds", "alipay", "webhooks", "default", "beat", "flower", "migrate", "audit"}
TOLD = {
    "CHECKOUT_PUBLIC_URL": "https://shop.example",
    "CHECKOUT_ALIPAY_APP_ID": "2021000000000001",
    "CHECKOUT_ALIPAY_SELLER_ID": "2088000000000001",
}
MOUNTED = "/run/secrets/"


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program("docker-compose", tmp_path_factory.mktemp("docker-compose"))


@pytest.fixture(scope="module")
def services(compose: Path) -> dict[str, Any]:
    """What Docker Compose makes of the file."""
    text = run(compose, "--file", DEPLOY / "compose.yaml", "config", "--format=json", environment=TOLD)
    found: dict[str, Any] = json.loads(text)["services"]
    return found


@pytest.mark.parametrize("name", TOLD)
def test_what_a_reader_must_say_is_asked_for(compose: Path, name: str) -> None:
    told = {other: value for other, value in TOLD.items() if other != name}
    output = run(compose, "--file", DEPLOY / "compose.yaml", "config", "-q", environment=told, status=1)
    assert f"required variable {name} is missing" in output


def test_each_container_can_write_and_do_as_little_as_it_must(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"], name
        assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
        assert service.get("cap_add", []) in ([], ["NET_BIND_SERVICE"]), name
        assert not service.get("privileged"), name
        assert "healthcheck" in service or name in ("migrate", "audit"), name


def test_nothing_is_published_but_on_loopback(services: dict[str, Any]) -> None:
    published = [port["host_ip"] for service in services.values() for port in service.get("ports", [])]
    assert published
    assert set(published) == {"127.0.0.1"}


def test_every_queue_has_a_worker(services: dict[str, Any]) -> None:
    commands = [service["command"] for name, service in services.items() if name in OURS and service["command"]]
    served = [command[command.index("-Q") + 1] for command in commands if "-Q" in command]
    assert sorted(served) == queues()


def test_the_document_makes_every_secret_that_is_mounted(
    compose: Path, alipay_sides: Keys, environment: dict[str, str], tmp_path: Path
) -> None:
    document = (ROOT / "docs/deployment.md").read_text(encoding="utf-8")
    script = document.split("    umask 077;")[1].split("\n\n")[0]
    script = script.replace("deploy/secrets", str(tmp_path / "secrets"))
    script = script.replace("/path/of/app_private_key.pem", str(alipay_sides.app_private_key_file))
    script = script.replace("/path/of/alipay_public_key.pem", str(alipay_sides.alipay_public_key_file))
    run("sh", "-euc", f"umask 077;{script}")
    made = {file.name: file for file in (tmp_path / "secrets").iterdir()}
    text = run(compose, "--file", DEPLOY / "compose.yaml", "config", "--format=json", environment=TOLD)
    assert made.keys() == json.loads(text)["secrets"].keys()
    settings.parse(environment | dict.fromkeys(SECRETS, "") | own_files(made))
    server = made["valkey_auth"].read_text(encoding="utf-8").removeprefix("requirepass ").strip()
    assert f":{server}@" in made["broker_url"].read_text(encoding="utf-8")
    assert made["postgres_password"].read_text(encoding="utf-8") in made["database_url"].read_text(encoding="utf-8")


def own_files(made: dict[str, Path]) -> dict[str, str]:
    """Each secret that a setting names, by its file."""
    return {f"{name}_FILE": str(made[file]) for name in SECRETS if (file := name[9:].lower()) in made}


def secret_files(directory: Path, told: dict[str, str]) -> None:
    """The files as docs/deployment.md has them made."""
    for name in ("database_url", "broker_url", "redis_url", "jwt_secret", "alipay_private_key", "alipay_public_key"):
        key = f"CHECKOUT_{name.upper()}"
        content = Path(told[f"{key}_FILE"]).read_bytes() if "alipay" in name else told[key].encode() + b"\n"
        (directory / name).write_bytes(content)
    (directory / "metrics_token").write_text("a token\n", encoding="utf-8")
    (directory / "flower_basic_auth").write_text("operator:secret\n", encoding="utf-8")


@pytest.mark.parametrize("name", sorted(OURS))
def test_the_settings_of_each_process_hold(
    services: dict[str, Any], environment: dict[str, str], tmp_path: Path, name: str
) -> None:
    secret_files(tmp_path, environment)
    mounted = {secret["source"] for secret in services[name]["secrets"]}
    own = {key: value for key, value in services[name]["environment"].items() if key.startswith("CHECKOUT_")}
    assert not SECRETS & own.keys()  # A secret in the environment is shown by `docker inspect`.
    files = {key: value for key, value in own.items() if value.startswith(MOUNTED)}
    assert {value.removeprefix(MOUNTED) for value in files.values()} == mounted
    own |= {key: value.replace(MOUNTED, f"{tmp_path}/") for key, value in files.items()}
    told = settings.parse(own)
    assert (told.database_url, told.metrics_port) == (environment["CHECKOUT_DATABASE_URL"], 9400)
    assert told.metrics_token == "a token"
    assert told.flower_basic_auth == ("operator:secret" if name == "flower" else "")


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that gives every question that answer."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_said: object) -> None:
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def is_healthy(check: list[str], address: str) -> bool:
    """Runs a healthcheck of ours as its container would, against that address."""
    assert check[:3] == ["CMD", "python", "-c"]
    near = "127.0.0.1:" + check[3].split("127.0.0.1:")[1].split("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", check[3].replace(near, address)], capture_output=True, timeout=30, check=False
    )
    return done.returncode == 0


@pytest.mark.parametrize("name", ["api", "orders", "flower"])
def test_a_healthcheck_tells_who_answers_from_who_does_not(services: dict[str, Any], name: str) -> None:
    check = services[name]["healthcheck"]["test"]
    for status, healthy in ((200, True), (500, False)):
        with answering(status) as address:
            assert is_healthy(check, address) is healthy
    assert not is_healthy(check, f"127.0.0.1:{ports.DISCARD}")


def valkey_says(url: str) -> dict[str, str] | None:
    with Redis.from_url(url) as client:
        try:
            found: dict[str, str] = client.config_get("appendonly", "maxmemory-policy")
        except exceptions.AuthenticationError:
            return None
        return found


def test_valkey_keeps_what_it_is_told_and_lets_in_by_the_password_alone(tmp_path: Path) -> None:
    auth, port = tmp_path / "auth", ports.free()
    binary = Valkey(tmp_path, port=port, password="").command()[0]
    auth.write_text("requirepass secret\n", encoding="utf-8")
    text = (DEPLOY / "valkey/valkey.conf").read_text(encoding="utf-8")
    own = tmp_path / "valkey.conf"
    own.write_text(
        text.replace("/run/secrets/valkey_auth", str(auth)).replace("/data", str(tmp_path)), encoding="utf-8"
    )
    with subprocess.Popen([binary, own, "--port", str(port), "--bind", "127.0.0.1"], cwd=tmp_path) as server:
        try:
            eventually(lambda: answers(port), "Valkey answers")
            assert valkey_says(f"redis://:secret@127.0.0.1:{port}") == {
                "appendonly": "yes",
                "maxmemory-policy": "noeviction",
            }
            assert valkey_says(f"redis://127.0.0.1:{port}") is None
        finally:
            server.terminate()
            server.wait(15)


def answers(port: int) -> bool:
    try:
        valkey_says(f"redis://:secret@127.0.0.1:{port}")
    except exceptions.ConnectionError:
        return False
    return True
