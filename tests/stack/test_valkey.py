"""The embedded Valkey: what it keeps, and who may reach it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from checkout import settings
from sandbox import ports, process
from sandbox.valkey import Valkey
from tests.stack.family import descendants, leave

_PASSWORD = "correct horse"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "with a blank" / "valkey", port=ports.free(), password=_PASSWORD)
    server.start()
    yield server
    server.stop()


def test_what_it_was_told_survives_a_restart(server: Valkey) -> None:
    with redis.Redis.from_url(server.url(1)) as client:
        client.set("kept", "1")
    server.stop()
    server.start()
    with redis.Redis.from_url(server.url(1)) as client:
        assert client.get("kept") == b"1"


def test_it_asks_for_the_password_and_refuses_writes_rather_than_forget(server: Valkey) -> None:
    with (
        redis.Redis(host=ports.LOOPBACK, port=server.port, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    with redis.Redis.from_url(server.url()) as client:
        settings = client.config_get("*")
    assert (settings["maxmemory-policy"], settings["appendonly"]) == ("noeviction", "yes")
    assert settings["bind"] == ports.LOOPBACK


def test_the_password_is_neither_on_the_command_line_nor_readable(server: Valkey) -> None:
    assert not [part for part in server.command() if _PASSWORD in part]
    assert not (server.data_dir / "valkey.conf").stat().st_mode & 0o077


_HOLD = "with temporary_server(): print('up', flush=True); time.sleep(60)"


def test_a_temporary_server_is_gone_after_kill_9_of_its_starter(tmp_path: Path) -> None:
    script = "import time\nfrom sandbox.valkey import temporary_server\n" + _HOLD
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        env=settings.environment() | {"TMPDIR": str(tmp_path)},
        cwd=process.PROJECT,
        stdout=subprocess.PIPE,
    )
    with starter:
        assert starter.stdout
        assert starter.stdout.readline() == b"up\n"
        family = descendants(starter.pid)
        assert family
        os.kill(starter.pid, signal.SIGKILL)
    assert leave(family)
