"""A disk that is full is told from a server that is away, and said once by who would say it for ever."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis, RedisError

from checkout.events.stores import refusals
from checkout.settings import parse
from ops.checkup import stores
from sandbox import ports
from sandbox.log import Log, Once, _File
from sandbox.postgres import Postgres
from sandbox.valkey import Valkey
from tests.shared.processes import eventually

DISK = "size=120m,mode=711"


def may_mount() -> bool:
    if os.geteuid() or not Path("/bin/mount").exists():
        return False
    tried = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], check=False)
    return tried.returncode == 0


needs_mount = pytest.mark.skipif(not may_mount(), reason="a disk of one's own takes root, who may mount")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    directory = tmp_path / "disk"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", str(directory)], check=True)
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextlib.contextmanager
def full(disk: Path) -> Iterator[None]:
    """Somebody's file takes all that is left."""
    ballast = disk / "ballast"
    for size in (1_048_576, 4096):
        with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(size))
    yield
    ballast.unlink()


@needs_mount
def test_of_a_full_disk_the_database_and_redis_do_not_say_that_they_want_to_be_started(
    disk: Path, environment: dict[str, str]
) -> None:
    database = Postgres(disk / "data", fsync=False)
    carts = Valkey(disk / "valkey", port=ports.free(), password=secrets.token_urlsafe(8))
    database.start()
    carts.start()
    told = parse(environment | {"CHECKOUT_DATABASE_URL": database.url(), "CHECKOUT_REDIS_URL": carts.url()})
    try:
        # What a new session reads of the catalogue is kept in a file, which is not there after a change of it.
        for file in (disk / "data").rglob("pg_internal.init"):
            file.unlink()
        with full(disk), Redis.from_url(carts.url()) as redis:
            eventually(lambda: is_refused(redis), "Redis cannot write down what it is told")
            found = {one.name: one.detail for one in (*stores.database(told), *stores.carts(told))}
            refused = refusals(told)
    finally:
        carts.stop()
        database.stop()
    for name in ("database", "carts"):
        assert "No space left on device" in found[name], found
        assert found[name].endswith(stores.FULL_CURE), found
    assert refused == {"carts": "disk_full", "broker": ""}


def is_refused(redis: Redis) -> bool:
    try:
        redis.set("many", bytes(100_000))
    except RedisError as error:
        return "No space left on device" in str(error)
    return False


@pytest.fixture
def on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A service's log; Linux' own device takes nothing."""
    monkeypatch.setattr(_File, "is_news", Once(600.0))
    (tmp_path / "web.log").symlink_to("/dev/full")
    return Log("web", tmp_path / "web.log", verbose=False)


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux'")
def test_a_log_that_cannot_be_written_says_so_once(on_a_full_disk: Log, capfd: pytest.CaptureFixture[str]) -> None:
    on_a_full_disk.data_received(b"one\ntwo\nthree\n")
    on_a_full_disk.say("ended with status 1")
    first, second = capfd.readouterr().err.splitlines()
    assert first == "the logs cannot be written (No space left on device), and lines are lost: free space on that disk"
    assert second.endswith("web | ended with status 1")
    assert on_a_full_disk.tail().splitlines()[:3] == ["one", "two", "three"]


def test_what_a_service_says_of_a_full_disk_is_shown_once_and_its_other_worries_are(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = Log("web", tmp_path / "web.log", verbose=False)
    log.aloud = True
    log.data_received(b"ERROR: No space left on device\n" * 3 + b"ERROR: another\n" * 2)
    assert capfd.readouterr().err.count("No space left") == 1
    log.data_received(b"ERROR: another\n")
    assert (tmp_path / "web.log").read_text(encoding="utf-8").count("No space left") == 3
    assert capfd.readouterr().err.count("another") == 1
    log.close()
