"""Becomes the command that is given, with no memory that becomes code and, with $SYSCALLS, no system call but those."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import sys

PR_SET_PDEATHSIG, PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 1, 65, 1
SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, SCMP_CMP_EQ = 0x7FFF0000, 0x00050000, 4
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
AF_MAX = 46


class Compared(ctypes.Structure):
    """libseccomp's scmp_arg_cmp."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def die_with_parent() -> None:
    """Whoever started this has asked for it, and the change of the user has cleared it (prctl(2))."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def refuse_written_code() -> None:
    """What an older kernel does not know is left out."""
    ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)


def allow_only(names: list[str]) -> None:
    """SystemCallFilter and RestrictAddressFamilies: all else is EPERM or EAFNOSUPPORT. Raises OSError."""
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(SCMP_ACT_ERRNO | errno.EPERM))
    numbers = {name: seccomp.seccomp_syscall_resolve_name(name.encode()) for name in names}
    here = {name: number for name, number in numbers.items() if number >= 0}  # The rest is of other architectures.
    for name, number in here.items():
        if name != "socket":
            check(seccomp.seccomp_rule_add_array(context, SCMP_ACT_ALLOW, number, 0, None))
    for family in range(AF_MAX):
        action = SCMP_ACT_ALLOW if family in FAMILIES else SCMP_ACT_ERRNO | errno.EAFNOSUPPORT
        compared = (Compared * 1)(Compared(0, SCMP_CMP_EQ, family, 0))
        check(seccomp.seccomp_rule_add_array(context, action, here["socket"], 1, compared))
    check(seccomp.seccomp_load(context))


def check(result: int) -> None:
    if result:
        raise OSError(-result, os.strerror(-result))


def main() -> None:
    die_with_parent()
    refuse_written_code()
    if allowed := os.environ.pop("SYSCALLS", ""):
        allow_only(allowed.split())
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
