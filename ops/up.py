"""`checkout up`: the stack's command, and the same as a child process for those who need a running stack."""

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from checkout.language.chinese import told
from sandbox import process
from sandbox.environment import Options
from sandbox.stack import processes

_READY_SECONDS = 150.0
_STOP_SECONDS = 60.0
_LOCK_SECONDS = 20.0


class InUseError(Exception):
    """Another `checkout up` runs on the same data directory."""


class UpError(Exception):
    """`checkout up` did not become ready; it has said why on standard error."""


def run_up(
    data_dir: Path,
    host: str,
    port: int,
    flower_port: int,
    alipay_port: int,
    pay_window: str,
    time_scale: float,
    environ: Mapping[str, str],
    verbose: bool,
) -> int:
    """Run the stack until Ctrl-C, SIGTERM or SIGHUP, and return the exit status.

    0: stopped when asked. 1: something did not start. 2: the data directory or a port is in use.
    """
    data_dir = data_dir.absolute()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = Options(str(data_dir), host, port, flower_port, alipay_port, pay_window, time_scale, verbose)
    try:
        lock = _lock(data_dir)
    except InUseError as error:
        sys.stderr.write(told(f"checkout up: {error}\n"))
        return 2
    # This process only watches: whoever of the two is killed, the other one ends all that is left.
    process.adopt_orphans()
    process.end(lambda: processes(data_dir))
    status = _watch(options, environ, lock)
    process.end(process.children)
    os.close(lock)
    return status


def _watch(options: Options, environ: Mapping[str, str], lock: int) -> int:
    # Not `start`: the end of its standard input tells this child that we are gone, and it ends the others itself.
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "sandbox"],
        env=dict(environ) | {"PYTHONUTF8": "1"},
        stdin=subprocess.PIPE,
        pass_fds=(lock,),
        start_new_session=True,
    )
    with child:
        signals = _pass_on_signals(child)
        _tell(child, options)
        status = child.wait()
    if status >= 0:
        return status
    if signals:
        return 0  # It was not far enough to end in its own way.
    sys.stderr.write(told(f"checkout up: the supervisor ended by {signal.Signals(-status).name}, so all was stopped\n"))
    return 1


def _tell(child: subprocess.Popen[bytes], options: Options) -> None:
    if child.stdin:
        with contextlib.suppress(BrokenPipeError):  # Its exit status says more.
            child.stdin.write(json.dumps(asdict(options)).encode() + b"\n")
            child.stdin.flush()


def _pass_on_signals(child: subprocess.Popen[bytes]) -> list[int]:
    """The first signal asks for a clean stop, the next one for a quick one. Returns the list of those received."""
    told: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if told and child.stdin:
            child.stdin.close()
        elif child.poll() is None:
            child.terminate()
        told.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    return told


def _lock(data_dir: Path) -> int:
    """The locked descriptor, which the supervisor inherits: it may live a moment longer than a killed command."""
    lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = int(os.pread(lock, 20, 0) or 0)
            if process.is_alive(holder) or time.monotonic() > deadline:
                os.close(lock)
                message = f"{data_dir} is in use by process {holder}: end that one, or choose another with --data-dir"
                raise InUseError(message) from None
            time.sleep(0.1)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            return lock


@dataclass(frozen=True)
class RunningStack:
    """A stack that another process runs, and where to find it."""

    data_dir: Path
    command: subprocess.Popen[bytes]
    api_url: str
    shop_url: str
    flower_url: str
    flower_user: str
    flower_password: str
    alipay_url: str

    def stop(self) -> int:
        """Stop it cleanly and return the exit status. Raises subprocess.TimeoutExpired."""
        self.command.send_signal(signal.SIGTERM)
        return self.command.wait(_STOP_SECONDS)

    def pids(self, service: str | None = None) -> list[int]:
        """The processes of all services but PostgreSQL, or of the one named like its log file."""
        return processes(self.data_dir, service)


@contextlib.contextmanager
def start_stack(
    data_dir: Path,
    *,
    port: int,
    flower_port: int,
    alipay_port: int,
    environ: Mapping[str, str],
    host: str = "127.0.0.1",
    pay_window: str = "30m",
    time_scale: float = 1.0,
) -> Iterator[RunningStack]:
    """Run `checkout up` as a child and give its addresses once it is READY; stopped at the end of the block.

    Enter it from the main thread: the child is gone when that one is. Raises UpError when it does not become ready.
    """
    data_dir = data_dir.absolute()
    options = {"--data-dir": data_dir, "--port": port, "--flower-port": flower_port, "--alipay-port": alipay_port}
    options |= {"--host": host, "--pay-window": pay_window, "--time-scale": f"{time_scale:g}"}
    arguments = [f"{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-P", "-m", "ops.main", "up", *arguments]
    child = process.start(
        command, environment=environ, output=subprocess.PIPE, errors=None, directory=Path.cwd(), dies_by=signal.SIGKILL
    )
    with child:
        try:
            stack = RunningStack(data_dir, child, *_addresses(child))
            yield stack
        finally:
            _end(child)


def _addresses(child: subprocess.Popen[bytes]) -> list[str]:
    """The words after the names of the printed lines, in their order."""
    lines = _read_until_ready(child).decode().splitlines()
    return [word for line in lines for word in line.split()[1:]]


def _read_until_ready(child: subprocess.Popen[bytes]) -> bytes:
    deadline, said = time.monotonic() + _READY_SECONDS, b""
    descriptor = child.stdout.fileno() if child.stdout else -1
    while not said.endswith(b"\nREADY\n"):
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise UpError(f"checkout up was not ready after {_READY_SECONDS:.0f} s")
        chunk = os.read(descriptor, 65536)
        if not chunk:
            raise UpError(f"checkout up ended with status {child.wait(_STOP_SECONDS)}")
        said += chunk
    return said


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
