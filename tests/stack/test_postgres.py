"""The embedded PostgreSQL: what it survives, and who may reach it."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import create_engine, text

from checkout import settings
from sandbox import postgres, process
from sandbox.postgres import Postgres
from tests.stack.family import descendants, leave


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "postgres")
    server.start()
    yield server
    server.stop()


def _run(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url.replace("+psycopg2", "", 1), connect_timeout=5)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _postmaster(server: Postgres) -> int:
    return int((server.data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])


def test_what_was_committed_survives_kill_9_of_the_server(server: Postgres) -> None:
    _run(server.url(), "CREATE TABLE kept AS SELECT 1 AS n")
    os.kill(_postmaster(server), signal.SIGKILL)  # It stays a zombie: nobody has waited for it yet.
    again = Postgres(server.data_dir)
    again.start()
    try:
        assert _run(again.url(), "SELECT n FROM kept") == [(1,)]
    finally:
        again.stop()


def test_a_directory_in_use_is_refused_and_its_server_unharmed(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_STOP_SECONDS", 0.2)
    with pytest.raises(RuntimeError, match="is in use by"):
        Postgres(server.data_dir).start()
    assert server.ready()


def test_the_lock_file_of_a_stranger_s_process_id_is_no_obstacle(server: Postgres) -> None:
    server.stop()
    (server.data_dir / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data_dir}\n", encoding="utf-8")
    server.start()
    assert server.ready()


def test_an_interrupted_creation_of_the_cluster_is_begun_anew(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n", encoding="utf-8")
    server = Postgres(tmp_path / "postgres")
    server.start()
    assert server.ready()
    server.stop()


@pytest.mark.parametrize("name", ["a path with blanks, a comma and 100 % 'more'", "long" * 30, "中文"])
def test_any_path_will_do(tmp_path: Path, name: str) -> None:
    server = Postgres(tmp_path / name / "postgres", fsync=False)
    server.start()
    try:
        with create_engine(server.url()).connect() as connection:
            assert connection.execute(text("SHOW server_encoding")).scalar() == "UTF8"
        assert _run(server.url(), "SELECT 1") == [(1,)]
    finally:
        server.stop()


def test_only_its_owner_can_reach_it(server: Postgres) -> None:
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert _run(server.url(), "SHOW listen_addresses") == [("",)]
    assert not [path for path in server.data_dir.rglob("*") if path.stat().st_mode & 0o077]


def test_a_commit_waits_for_the_disk_unless_it_is_a_test_server(server: Postgres) -> None:
    assert _run(server.url(), "SHOW fsync") == [("on",)]
    assert _run(server.url(), "SHOW synchronous_commit") == [("on",)]


def test_a_database_is_copied_from_its_template(server: Postgres) -> None:
    template = postgres.create_database(server.url(), "template_one")
    _run(template, "CREATE TABLE kept AS SELECT 7 AS n")
    copy = postgres.create_database(server.url(), "copy", template="template_one")
    assert _run(copy, "SELECT n FROM kept") == [(7,)]
    postgres.drop_database(server.url(), "copy")
    with pytest.raises(psycopg2.OperationalError):
        _run(copy, "SELECT 1")


_HOLD = "with temporary_server(): print('up', flush=True); time.sleep(60)"


def test_a_temporary_server_is_gone_after_kill_9_of_its_starter(tmp_path: Path) -> None:
    script = "import time\nfrom sandbox.postgres import temporary_server\n" + _HOLD
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
        assert len(family) > 3
        starter.kill()
    assert leave(family)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root must become somebody else")
def test_root_runs_it_as_nobody_where_user_namespaces_are_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden() -> None:
        raise PermissionError

    Postgres(tmp_path / "closed" / "postgres").prepare()  # As root's own, by an earlier run.
    monkeypatch.setattr(process, "become_user_namespace", forbidden)
    # All of it lies where nobody else may enter, as in a container's /root: data, programs and what they read.
    closed = tmp_path / "closed"
    closed.chmod(0o700)
    shutil.copytree(postgres._binary("postgres").parents[1], closed / "install")
    monkeypatch.setattr(postgres, "_binary", lambda name: closed / "install" / "bin" / name)
    server = Postgres(closed / "postgres")
    server.start()
    assert Path(f"/proc/{_postmaster(server)}").stat().st_uid == process.NOBODY
    assert server.ready()
    server.stop()
