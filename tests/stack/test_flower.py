"""Flower lets one user in, by one password of any characters, and nobody by a part of it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import urllib3
from celery import Celery

from tasks.flower import is_the_operator
from tests.shared import ports
from tests.shared.processes import HTTP, eventually, process


def basic(credentials: str) -> str:
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


@pytest.mark.parametrize("credentials", ["operator:secret", "operator:one,two", "操作员:密码 ☂:=%", 'o:"quoted" \\'])
def test_only_the_whole_of_it_is_the_operator(credentials: str) -> None:
    assert is_the_operator(basic(credentials), credentials)
    for other in (credentials[:-1], credentials.split(",")[0] + "!", credentials + ",", "", ":", "密码"):
        assert not is_the_operator(basic(other), credentials), other
    for header in ("", "Basic", "Basic !", "Bearer " + basic(credentials)[6:], "Basic 密码", basic(credentials) + "x"):
        assert not is_the_operator(header, credentials), header


def status(url: str, credentials: str | None) -> int:
    headers = {"Authorization": basic(credentials)} if credentials is not None else {}
    try:
        return HTTP.request("GET", url, headers=headers).status
    except urllib3.exceptions.HTTPError:
        return 0


def test_a_password_with_a_comma_lets_in_as_a_whole_only(environment: dict[str, str], tmp_path: Path) -> None:
    port, own = ports.free(), environment | {"CHECKOUT_FLOWER_BASIC_AUTH": "操作员:one,two"}
    url = f"http://127.0.0.1:{port}/workers"
    with process("tasks.flower", "--address=127.0.0.1", f"--port={port}", environment=own, log=tmp_path / "log"):
        eventually(lambda: status(url, "操作员:one,two") == 200, "Flower answers")
        assert [status(url, one) for one in (None, "操作员:one", "two", "操作员:密", "one:two")] == [401] * 5
        assert status(f"http://127.0.0.1:{port}/api/workers", "操作员:one") == 401


def test_without_a_password_it_does_not_start(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process("tasks.flower", environment=environment, log=log) as started:
        assert started.wait(60) == 1
    assert "CHECKOUT_FLOWER_BASIC_AUTH is missing" in log.read_text(encoding="utf-8")


def tell(environment: dict[str, str], uuid: str) -> None:
    """What a worker tells of a task that it ran."""
    with Celery(broker=environment["CHECKOUT_BROKER_URL"]).events.default_dispatcher(hostname="orders@here") as events:
        events.send("task-received", uuid=uuid, name="place_orders", args="([41],)", kwargs="{}")
        events.send("task-started", uuid=uuid)
        events.send("task-succeeded", uuid=uuid, result="placed 41, out_of_stock 3", runtime=0.02)


def test_what_was_done_is_still_there_after_a_restart(environment: dict[str, str], tmp_path: Path) -> None:
    port, own = ports.free(), environment | {"CHECKOUT_FLOWER_BASIC_AUTH": "operator:secret"}
    url = f"http://127.0.0.1:{port}/flower/api/tasks"
    options = (f"--port={port}", "--url_prefix=flower", "--persistent=True", f"--db={tmp_path / 'kept'}")

    def shown() -> str:
        try:
            answer = HTTP.request("GET", url, headers={"Authorization": basic("operator:secret")})
        except urllib3.exceptions.HTTPError:
            return ""
        return answer.data.decode() if answer.status == 200 else ""

    def is_told() -> bool:
        tell(own, "of-a-batch")
        return "placed 41, out_of_stock 3" in shown()

    with process("tasks.flower", *options, environment=own, log=tmp_path / "log"):
        eventually(is_told, "Flower shows what became of a batch")
    with process("tasks.flower", *options, environment=own, log=tmp_path / "log"):
        eventually(lambda: "placed 41, out_of_stock 3" in shown(), "Flower still shows it")
