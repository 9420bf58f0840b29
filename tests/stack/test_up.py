"""`checkout up`, the whole stack."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg2
import pytest

from checkout import settings
from ops.checkup.workers import QUEUES
from ops.up import RunningStack, start_stack
from sandbox import ports, process
from tests.shared import ports as own_ports
from tests.stack.family import command_line, descendants, happens, leave, open_to_others, owners

# The first start of all is counted to the first test.
pytestmark = pytest.mark.timeout(300)


class Ports(NamedTuple):
    port: int
    flower_port: int
    alipay_port: int


@pytest.fixture(scope="module")
def chosen() -> Ports:
    return Ports(own_ports.free(), own_ports.free(), own_ports.free())


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a stack") / (30 * "long" + " name")


@pytest.fixture(scope="module")
def stack(data_dir: Path, chosen: Ports) -> Iterator[RunningStack]:
    with _up(data_dir, chosen) as stack:
        yield stack


def _up(data_dir: Path, chosen: Ports) -> contextlib.AbstractContextManager[RunningStack]:
    return start_stack(data_dir, **chosen._asdict(), environ=_environ())


def _environ() -> dict[str, str]:
    own = {name: value for name, value in settings.environment().items() if not name.startswith("CHECKOUT_")}
    # Each process compiles our own modules where writing bytecode is forbidden.
    return own | {"PYTHONDONTWRITEBYTECODE": ""}


def _options(data_dir: Path, chosen: Ports) -> list[str]:
    names = (f"--{name.replace('_', '-')}={number}" for name, number in chosen._asdict().items())
    return [f"--data-dir={data_dir}", *names]


def _refused(data_dir: Path, chosen: Ports, *more: str) -> str:
    options = zip(("--port", "--flower-port", "--alipay-port"), map(str, chosen), strict=True)
    command = [
        sys.executable,
        "-m",
        "ops.main",
        "up",
        "--data-dir",
        str(data_dir),
        *(o for pair in options for o in pair),
        *more,
    ]
    done = subprocess.run(
        command, env=_environ(), cwd=process.PROJECT, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    return done.stderr


def _status(url: str, password: str = "") -> int:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, "operator", password)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPBasicAuthHandler(passwords)
    )
    try:
        with opener.open(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _count_lives(data_dir: Path) -> int:
    """Adds a row, and counts the rows that earlier lives of the stack have added."""
    url = (
        settings.stored(data_dir)["CHECKOUT_DATABASE_URL"]
        .replace("+psycopg2", "", 1)
        .replace("/checkout?", "/postgres?")
    )
    with contextlib.closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS test_lives (n int)")
        cursor.execute("INSERT INTO test_lives VALUES (1)")
        cursor.execute("SELECT count(*) FROM test_lives")
        row = cursor.fetchone()
        return int(row[0]) if row else 0


def _lives_or_none(data_dir: Path) -> int | None:
    with contextlib.suppress(psycopg2.OperationalError):
        return _count_lives(data_dir)
    return None


def test_what_it_prints_can_be_used(stack: RunningStack) -> None:
    assert _status(f"{stack.api_url}/health/ready") == 200
    assert _status(stack.flower_url) == 401
    assert _status(stack.flower_url, stack.flower_password) == 200
    assert ports.answers(int(stack.shop_url.rpartition(":")[2]))
    assert ports.answers(int(stack.alipay_url.rpartition(":")[2]))


def test_the_metrics_port_adds_up_what_both_processes_of_the_api_answered(stack: RunningStack) -> None:
    before = _answered(stack, "/v1/skus")
    for _ in range(30):  # Each on a connection of its own, which the kernel gives to one or the other.
        assert _status(f"{stack.api_url}/v1/skus") == 200
    assert _answered(stack, "/v1/skus") == before + 30
    assert _status(f"{stack.api_url}/metrics") == 404


def test_prometheus_finds_every_process_and_is_answered(stack: RunningStack) -> None:
    groups = json.loads((stack.data_dir / "metrics.json").read_text(encoding="utf-8"))
    assert {group["labels"]["service"] for group in groups} == {"api", "beat", *QUEUES}
    for group in groups:
        [address] = group["targets"]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=")


def _answered(stack: RunningStack, route: str) -> int:
    port = settings.stored(stack.data_dir)["CHECKOUT_METRICS_PORT"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        told = answer.read().decode()
    found = re.search(f'^checkout_http_requests_total{{route="{route}",status="200"}} ([0-9.]+)$', told, re.MULTILINE)
    return int(float(found[1])) if found else 0


def test_everything_it_writes_is_for_its_owner_alone(stack: RunningStack) -> None:
    assert stack.data_dir.stat().st_mode & 0o777 == 0o700
    assert not [path for path in stack.data_dir.rglob("*") if open_to_others(path)]


def test_no_secret_stands_on_a_command_line_or_in_a_log(stack: RunningStack) -> None:
    addresses = settings.stored(stack.data_dir)
    secrets = [addresses["CHECKOUT_JWT_SECRET"], stack.flower_password]
    secrets.append(addresses["CHECKOUT_BROKER_URL"].split("@")[0].rpartition(":")[2])
    texts = [command_line(pid) for pid in descendants(stack.command.pid)]
    texts += [file.read_text(encoding="utf-8") for file in (stack.data_dir / "logs").iterdir()]
    assert not [secret for secret in secrets for text in texts if secret in text]


def test_a_data_directory_in_use_is_refused(stack: RunningStack) -> None:
    said = _refused(stack.data_dir, Ports(own_ports.free(), own_ports.free(), own_ports.free()))
    assert f"is in use by process {stack.command.pid}" in said


def test_a_taken_port_is_named_with_the_way_out(stack: RunningStack, chosen: Ports, tmp_path: Path) -> None:
    said = _refused(tmp_path, Ports(own_ports.free(), chosen.flower_port, own_ports.free()))
    assert f"port {chosen.flower_port} is taken" in said
    assert "--flower-port" in said
    assert "--alipay-port" not in said
    assert stack.command.poll() is None


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_named_with_the_way_out(chosen: Ports, tmp_path: Path, host: str) -> None:
    assert f"{host} is no address of this machine" in _refused(tmp_path / "another", chosen, f"--host={host}")


def test_a_killed_worker_is_replaced_with_its_pool(stack: RunningStack) -> None:
    pool = stack.pids("orders")
    assert len(pool) == 3
    [leader] = [pid for pid in pool if process.stat(pid).session == pid]
    os.kill(leader, signal.SIGKILL)
    assert leave(pool)
    assert happens(lambda: len(stack.pids("orders")) == 3)


def test_killed_servers_come_back_with_their_data(stack: RunningStack) -> None:
    lives = _count_lives(stack.data_dir)
    postmaster = int((stack.data_dir / "postgres" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    (valkey,) = stack.pids("valkey")
    for pid in (postmaster, valkey):
        os.kill(pid, signal.SIGKILL)
    assert leave([postmaster, valkey])
    assert happens(lambda: len(stack.pids("valkey")) == 1)
    assert happens(lambda: _status(f"{stack.api_url}/health/ready") == 200)
    assert happens(lambda: _lives_or_none(stack.data_dir) == lives + 1)


def _both(stack: RunningStack) -> dict[str, int]:
    """The command, and its only child, which starts all the others."""
    return {"command": stack.command.pid, "supervisor": descendants(stack.command.pid)[0]}


def _kill(stack: RunningStack, *victims: str) -> list[int]:
    """Kills them, and returns the pids of all that there was."""
    family, pids = descendants(stack.command.pid), _both(stack)
    for victim in victims:
        os.kill(pids[victim], signal.SIGKILL)
    stack.command.wait(30)
    return family


@pytest.mark.timeout(600)  # Two more starts of the whole stack.
def test_kill_9_of_anything_leaves_nothing_behind_and_the_next_start_has_the_same_data(
    stack: RunningStack, data_dir: Path, chosen: Ports
) -> None:
    lives = _count_lives(data_dir)
    secrets = {settings.stored(data_dir)["CHECKOUT_JWT_SECRET"]}
    left = _kill(stack, "command", "supervisor")
    for victim in ("supervisor", "command"):
        with _up(data_dir, chosen) as again:
            # Where nobody was left to end the rest, this start has done it.
            assert leave(left)
            lives += 1
            assert _count_lives(data_dir) == lives
            left = _kill(again, victim)
            assert leave(left)
        secrets.add(settings.stored(data_dir)["CHECKOUT_JWT_SECRET"])
    assert len(secrets) == 1


def test_an_ordinary_user_can_run_it_and_sigterm_leaves_no_process(chosen: Ports) -> None:
    is_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as home:
        if is_root:
            os.chown(home, process.NOBODY, process.NOBODY)
        # This one may enter closed directories, since root's interpreter often lies in one.
        command = [sys.executable, "-m", "ops.main", "up", *_options(Path(home, "data"), chosen)]
        become = process.become_nobody if is_root else None
        environ = _environ() | {"HOME": home}
        child = process.start(command, environment=environ, output=subprocess.PIPE, errors=None, become=become)
        with child:
            try:
                assert b"READY\n" in (child.stdout or [])
                family = descendants(child.pid)
                assert set().union(*map(owners, family)) == {process.NOBODY if is_root else os.geteuid()}
                child.terminate()
                assert child.wait(60) == 0
            finally:
                child.kill()
        assert len(family) > 15
        assert not [pid for pid in family if process.is_alive(pid)]
