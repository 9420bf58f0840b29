"""Walks along docs/from-django.md: types each command as it stands there, section by section."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.storefront import Shop
from sandbox import ports
from tests.shared.processes import ROOT, eventually

COMPARISON = "python -m bench"  # Takes long: it runs where it is asked for.
AS_IT_IS, BESIDE = "The shop as it is", "Checkout beside it"
GOODS, CART, VIEW, TOLD, OPEN = (
    "1. The goods",
    "2. The cart",
    "3. The view",
    "4. What checkout tells",
    "5. Orders that are open at the move",
)
DOCUMENT = ROOT / "docs" / "from-django.md"
UP_SECONDS = 150  # As long as `checkout up` itself takes for possible.
# What runs on, and by what it is replaced when it is started anew.
_SERVERS = ("granian", "checkout up", "follow_checkout")


def shown() -> dict[str, list[str]]:
    """The page's commands under its headings."""
    return sections(DOCUMENT.read_text(encoding="utf-8"))


def sections(text: str) -> dict[str, list[str]]:
    """The commands under each heading."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return {
        heading: [line.strip() for line in re.findall(r"^    (.+)\n", part, flags=re.MULTILINE)]
        for heading, part in zip(parts[1::2], parts[2::2], strict=True)
    }


@dataclass
class Walk:
    """A person at the shop's machine; `typed` replaces addresses that the page shows by those of the test."""

    shop: Shop
    typed: Mapping[str, str]
    port: int  # of the shop
    is_up: Callable[[], bool]  # whether checkout answers
    said: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    _running: dict[str, ExitStack] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"

    def until(self, heading: str) -> None:
        """Everything from where it stands to the end of that section."""
        assert heading in shown()
        for title, commands in shown().items():
            for command in commands:
                if command not in self.said and not command.startswith(COMPARISON):
                    self.said[command] = self._type(command)
            if title == heading:
                return

    def _type(self, command: str) -> str:
        for there, here in self.typed.items():
            command = command.replace(there, here)
        if command.startswith("cd "):
            assert (ROOT / command.removeprefix("cd ")).is_dir()  # The test is in a copy of it.
            return ""
        if command.startswith("export "):
            told = self._run(f"{command}; env -0").split("\0")
            self.environment = dict(line.split("=", 1) for line in told if line)
            return ""
        if server := next((name for name in _SERVERS if name in command), ""):
            self.start(server, command)
            return ""
        return self._run(command)

    def _run(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=self.shop.directory,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, server: str, command: str) -> None:
        """Instead of the one before, if there is one."""
        self.stop(server)
        self._running[server] = ExitStack()
        self._running[server].enter_context(
            self.shop.running(["bash", "-euc", f"exec env {command}"], **self.environment)
        )
        if server == "granian":
            eventually(lambda: ports.answers(self.port), "the shop answers")
        elif server == "checkout up":
            eventually(self.is_up, "checkout is ready", seconds=UP_SECONDS)

    def stop(self, server: str) -> None:
        if server in self._running:
            self._running.pop(server).close()

    def manage(self, *arguments: object, **told: str) -> str:
        """A command of `manage.py` that the page does not show."""
        return self.shop.manage(*arguments, **{**self.environment, **told})

    def leave(self) -> None:
        for server in _SERVERS:
            self.stop(server)


def a_copy(directory: Path) -> Path:
    """The project in a directory of its own, for the commands leave files."""
    return Path(shutil.copytree(ROOT / "examples" / "django_shop", directory / "django_shop"))
