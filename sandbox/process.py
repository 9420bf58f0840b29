"""Starting child processes that do not outlive their parent, also as root, where PostgreSQL refuses to run.

Linux only. Start children from the main thread: the kernel watches the thread that forked, not the process
(prctl(2), PR_SET_PDEATHSIG).
"""

import contextlib
import ctypes
import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
NOBODY = 65534
_END_SECONDS = 5.0

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_SECUREBITS, _PR_SET_CHILD_SUBREAPER, _PR_CAP_AMBIENT = 1, 28, 36, 47
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT_RAISE = 2
_CLONE_NEWUSER = 0x10000000
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522

Become = Callable[[], None]
"""A step that a child takes between fork and exec to become another user."""


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    output: int | IO[bytes],
    errors: int | None = subprocess.STDOUT,
    directory: Path = PROJECT,
    dies_by: signal.Signals = signal.SIGKILL,
    become: Become | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; it receives the signal `dies_by` when the calling thread is gone.

    Standard error joins `output` unless `errors` says otherwise, as for subprocess.Popen.
    """
    parent = os.getpid()

    def before_exec() -> None:
        if become:
            become()
        _die_with(parent, dies_by)

    return subprocess.Popen(  # noqa: S603 - every command is built by this package
        command,
        env=dict(environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,
        preexec_fn=before_exec,
    )


def becomes_ready(child: subprocess.Popen[bytes], ready: Callable[[], bool], seconds: float) -> bool:
    """Waits until the child is ready; False when it ended instead, or took longer."""
    deadline = time.monotonic() + seconds
    while not ready():
        if child.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def shut_down(child: subprocess.Popen[bytes], by: signal.Signals, seconds: float) -> None:
    """Asks the child to end by that signal, and kills it when it takes longer."""
    child.send_signal(by)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(seconds)


def _die_with(parent: int, dies_by: signal.Signals) -> None:
    # Changing the user clears this setting, so it comes last; the parent may be gone already.
    _check(_libc.prctl(_PR_SET_PDEATHSIG, dies_by, 0, 0, 0))
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Make every descendant whose own parent dies a child of this process (PR_SET_CHILD_SUBREAPER)."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def become_user_namespace() -> None:
    """Let root's child appear as an ordinary user to itself, while its files stay root's: nothing is chowned."""
    user, group = os.geteuid(), os.getegid()
    _check(_libc.unshare(_CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1", encoding="utf-8")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1", encoding="utf-8")


def become_nobody() -> None:
    """Turn root's child into `nobody` who may still enter closed directories, where user namespaces are forbidden."""
    # Capabilities stay with the new user, and access(2), which PostgreSQL asks about its programs, heeds them.
    _check(_libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    enter = 1 << _CAP_DAC_OVERRIDE
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, struct.pack("=6I", enter, enter, enter, 0, 0, 0)))
    _check(_libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def end(find: Callable[[], list[int]]) -> None:
    """Kill the processes that `find` names, and reap those that are ours, until it names none any more."""
    deadline = time.monotonic() + _END_SECONDS
    while (pids := find()) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.005)


def children() -> list[int]:
    """The pids of this process's children, those that wait to be reaped included."""
    return [pid for pid in everyone() if stat(pid).parent == os.getpid()]


def session(leader: int) -> list[int]:
    """The pids of the processes in the session that `leader` began, itself included."""
    return [pid for pid in everyone() if stat(pid).session == leader]


def everyone() -> list[int]:
    """The pids of all processes that are visible here."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    return stat(pid).state not in ("", "Z", "X")


class Stat(NamedTuple):
    """A part of proc_pid_stat(5)."""

    state: str
    parent: int
    session: int


def stat(pid: int) -> Stat:
    """What the kernel says of a process; an empty state when there is none."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        # The name stands in brackets and may hold anything, brackets too.
        state, parent, _group, session_id, *_ = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return Stat(state.decode(), int(parent), int(session_id))
    return Stat("", 0, 0)


def variables(pid: int) -> set[str]:
    """The environment with which a process was started, as NAME=value; empty when it is not ours to see."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        return set(Path(f"/proc/{pid}/environ").read_bytes().decode(errors="surrogateescape").split("\0"))
    return set()
