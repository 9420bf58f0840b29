"""Starting the gateway: one worker process that dies with its parent, and one data directory per gateway."""

import ctypes
import fcntl
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import urllib3
from granian.constants import Interfaces
from granian.server import Server

from sandbox.alipay.admin import WsgiApp
from sandbox.alipay.app import create_app
from sandbox.alipay.door import token_of
from sandbox.alipay.gateway import open_gateway
from sandbox.alipay.sender import Sender

_PR_SET_PDEATHSIG = 1
_LOCK_SECONDS = 3.0
_READY_SECONDS = 30.0
# Most threads sleep in calls that are held on purpose; granian starts them only when they are needed.
_THREADS = 32


@dataclass(frozen=True)
class Options:
    data_dir: Path
    host: str
    port: int
    time_scale: float
    notify_workers: int

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class InUseError(Exception):
    """The data directory or the port belongs to another process."""


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT; raises InUseError. A worker that is killed ends the whole with status 1."""
    options.data_dir.mkdir(parents=True, exist_ok=True)
    lock = _lock(options.data_dir)
    _check_port(options.host, options.port)
    server = Server(
        "sandbox.alipay.server",
        address=options.host,
        port=options.port,
        interface=Interfaces.WSGI,
        blocking_threads=_THREADS,
        log_enabled=False,
        websockets=False,
        workers_kill_timeout=2,
    )
    server.serve(target_loader=partial(load, options, os.getpid()), wrap_loader=False)
    os.close(lock)


def load(options: Options, parent: int) -> WsgiApp:
    """Runs in the worker: tie its life to the parent's, open the store, start the sender, build the app."""
    _die_with(parent)
    gateway = open_gateway(options.data_dir, options.url, options.time_scale)
    Sender(gateway, options.notify_workers).start()
    threading.Thread(target=_announce, args=(options.url,), daemon=True).start()
    return create_app(gateway, token_of(options.data_dir))


def _die_with(parent: int) -> None:
    """A parent that is killed takes its worker along, so that no gateway goes on unseen."""
    libc: Any = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _announce(url: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib3.request("GET", url, retries=False, timeout=2.0)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.02)
            continue
        print(f"alipay {url}", flush=True)  # noqa: T201 - this line is the command's interface
        return


def _check_port(host: str, port: int) -> None:
    """granian binds with SO_REUSEPORT and would share the port with whoever does the same."""
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise InUseError(f"cannot listen on {host} port {port}: {error.strerror}") from None


def _lock(data_dir: Path) -> int:
    """An old gateway that was just killed may need a moment to let go."""
    descriptor = os.open(data_dir / "alipay.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise InUseError(f"{data_dir} is in use by another gateway") from None
            time.sleep(0.05)
        else:
            return descriptor
