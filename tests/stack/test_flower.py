"""Flower lets one user in, by one password of any characters, and nobody by a part of it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import urllib3

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
