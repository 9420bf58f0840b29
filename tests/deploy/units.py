"""systemd's units as files: their settings, with the drop-in that all of ours share."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

from tests.deploy.tools import DEPLOY

SOURCE = DEPLOY / "systemd"
SHARED = SOURCE / "checkout-.service.d/10-checkout.conf"
SERVICES = (
    *("checkout-api", "checkout-audit", "checkout-beat", "checkout-flower", "checkout-migrate"),
    *(f"checkout-worker@{file.name}" for file in sorted((SOURCE / "workers").iterdir())),
)


# They do their work and are gone.
ENDING = ("checkout-audit", "checkout-migrate")


def installed(directory: Path) -> Path:
    """The units, as if the service were installed where this Python is."""
    shutil.copytree(SOURCE, directory, dirs_exist_ok=True)
    for file in [*directory.glob("*.service")]:
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("/opt/checkout/bin", str(Path(sys.executable).parent)), encoding="utf-8")
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


def command(service: str) -> list[str]:
    """ExecStart as systemd would run it, by this Python's own directory."""
    [line] = values(service, "ExecStart")
    name = service.partition("@")[2]
    told = variables(service)
    text = line.replace("%%", "\0").replace("%i", name).replace("\0", "%")
    text = text.replace("${QUEUE}", told.get("QUEUE", "")).replace("$OPTIONS", told.get("OPTIONS", ""))
    program, *arguments = shlex.split(text)
    return [str(Path(sys.executable).parent / Path(program).name), *arguments]
