"""systemd's units as files: their settings, with the drop-in that all of ours share."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sandbox import process as starting
from tests.deploy.tools import DEPLOY, run

SOURCE = DEPLOY / "systemd"
SHARED = SOURCE / "checkout-.service.d/10-checkout.conf"
SERVICES = (
    *("checkout-api", "checkout-audit", "checkout-beat", "checkout-flower", "checkout-migrate"),
    *(f"checkout-worker@{file.name}" for file in sorted((SOURCE / "workers").iterdir())),
)
# They do their work and are gone.
ENDING = ("checkout-audit", "checkout-migrate")


CONFINE = Path(__file__).with_name("confine.sh")
OWN_PROGRAMS = Path(sys.executable).parent
STOP_SECONDS = 45
ANALYZE = shutil.which("systemd-analyze")


def installed(directory: Path) -> Path:
    """The units, as if the service were installed where this Python is."""
    shutil.copytree(SOURCE, directory, dirs_exist_ok=True)
    for file in [*directory.glob("*.service")]:
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("/opt/checkout/bin", str(OWN_PROGRAMS)), encoding="utf-8")
    return directory


def values(service: str, key: str) -> list[str]:
    """What a unit says for that key, after what all say."""
    file = re.sub(r"@.*", "@", service) + ".service"
    text = SHARED.read_text(encoding="utf-8") + (SOURCE / file).read_text(encoding="utf-8")
    return re.findall(rf"^{key}=(.*)$", text.replace("\\\n", ""), re.MULTILINE)


def variables(service: str) -> dict[str, str]:
    """What the unit itself, and a worker's file, put into the environment."""
    told = dict(word.split("=", 1) for line in values(service, "Environment") for word in shlex.split(line))
    if "@" in service:
        name = service.partition("@")[2]
        lines = (SOURCE / "workers" / name).read_text(encoding="utf-8").splitlines()
        told |= dict(line.split("=", 1) for line in lines if line)
    return told


def command(service: str, programs: Path = OWN_PROGRAMS) -> list[str]:
    """ExecStart as systemd would run it, by the programs of that directory."""
    [line] = values(service, "ExecStart")
    name = service.partition("@")[2]
    told = variables(service)
    text = line.replace("%%", "\0").replace("%i", name).replace("\0", "%")
    text = text.replace("${QUEUE}", told.get("QUEUE", "")).replace("$OPTIONS", told.get("OPTIONS", ""))
    program, *arguments = shlex.split(text)
    return [str(programs / Path(program).name), *arguments]


@contextmanager
def confined(
    service: str,
    directory: Path,
    environment: Mapping[str, str],
    *replaced: tuple[str, str],
    programs: Path = OWN_PROGRAMS,
) -> Iterator[subprocess.Popen[bytes]]:
    """The unit's own command, confined as far as confine.sh says; of its words some may be replaced."""
    words = command(service, programs)
    for old, new in replaced:
        words[words.index(old)] = new
    temporary = directory / f"{service}.tmp"
    temporary.mkdir(exist_ok=True)
    own = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "TMPDIR": str(temporary), "PYTHONUTF8": "1", **environment}
    with (directory / f"{service}.log").open("ab") as output:
        child = starting.start(["sh", str(CONFINE), str(programs / "python"), *words], environment=own, output=output)
    try:
        yield child
    finally:
        starting.shut_down(child, signal.SIGTERM, STOP_SECONDS)


def can_confine(directory: Path) -> bool:
    """Whether confine.sh may mount here, and this kernel's /proc can be cut down."""
    words = "mount -t tmpfs tmpfs . && mount -o remount,bind,ro / && mount -t proc -o subset=pid,hidepid=2 proc /proc"
    command = ["unshare", "--mount", "sh", "-c", words]
    return subprocess.run(command, cwd=directory, capture_output=True, timeout=30, check=False).returncode == 0


def system_calls() -> set[str]:
    """What SystemCallFilter leaves; the lines that take something away begin with `~`."""
    left: set[str] = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", SHARED.read_text(encoding="utf-8"), re.MULTILINE):
        named = set().union(*(_calls(word) for word in line.removeprefix("~").split()))
        left = left - named if line.startswith("~") else left | named
    return left


@cache
def _calls(name: str) -> frozenset[str]:
    """The system calls of one of systemd's sets, which may have others in them."""
    if not name.startswith("@"):
        return frozenset([name])
    lines = run(ANALYZE, "syscall-filter", "--no-pager", name).splitlines()[1:]
    words = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    return frozenset().union(*(_calls(word) for word in words))
