"""What the services say: whole lines, each in a bounded file, and what matters on the terminal."""

import asyncio
import logging
import re
import sys
import time
from collections import deque
from logging.handlers import RotatingFileHandler
from pathlib import Path

from checkout.language.chinese import told

_FILE_BYTES = 5_000_000
_LINE_BYTES = 1_000_000
_TAIL_LINES = 20
_COLOURS = (36, 33, 32, 35, 34, 31)  # ANSI foreground colours, ECMA-48 8.3.117.
_WORRYING = re.compile(r"\b(warn|warning|error|critical|fatal|panic|traceback)\b", re.IGNORECASE)
_FULL = "No space left on device"


class Once:
    """Lets the first of many through, and after a while one more."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next_at = 0.0

    def __bool__(self) -> bool:
        """True for the one that is let through."""
        now = time.monotonic()
        if now < self._next_at:
            return False
        self._next_at = now + self._seconds
        return True


class _File(RotatingFileHandler):
    """Python's own prints a traceback for each line that it cannot keep. All have one disk: it is said once."""

    is_news = Once(600.0)

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if self.is_news:
            why = getattr(sys.exception(), "strerror", None) or type(sys.exception()).__name__
            sys.stderr.write(told(f"the logs cannot be written ({why}), and lines are lost: free space on that disk\n"))


class Log(asyncio.Protocol):
    """One service's output, over all its lives.

    `verbose` shows every line on stderr; else only the worrying ones are shown, and only once `aloud` is set: what a
    program says while it starts is of interest when the start fails, and then `tail` has it.
    """

    def __init__(self, name: str, file: Path, *, verbose: bool, number: int = 0) -> None:
        """`number` chooses the colour, which is used on a terminal only."""
        self.name = name
        self.aloud = False
        self.closed = asyncio.Event()
        self._file = _File(file, maxBytes=_FILE_BYTES, backupCount=1, encoding="utf-8")
        self._verbose = verbose
        self._colour = _COLOURS[number % len(_COLOURS)] if sys.stderr.isatty() else None
        self._pending = b""
        self._is_fuller = Once(60.0)
        self._last = deque[str](maxlen=_TAIL_LINES)
        self._awaited: dict[str, asyncio.Event] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: ARG002 - asyncio's signature
        """A new life begins."""
        self.closed.clear()

    def data_received(self, data: bytes) -> None:
        """Keep whole lines; one that never ends is cut where it would fill the memory."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._write(line.decode(errors="replace"))
        if len(self._pending) > _LINE_BYTES:
            self._end_line()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The last process of this life is gone."""
        if self._pending:
            self._end_line()
        self.closed.set()

    async def seen(self, text: str) -> None:
        """Wait until a line contains `text`."""
        await self._awaited.setdefault(text, asyncio.Event()).wait()

    def say(self, message: str) -> None:
        """The supervisor's own remark about this service: always shown."""
        self._keep(f"[supervisor] {message}")
        self._show(told(message))

    def tail(self) -> str:
        """The last lines."""
        return "\n".join(self._last)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _end_line(self) -> None:
        line, self._pending = self._pending, b""
        self._write(line.decode(errors="replace"))

    def _write(self, line: str) -> None:
        self._keep(line)
        for text, event in self._awaited.items():
            if text in line:
                event.set()
        if self._verbose or (self.aloud and _WORRYING.search(line) and (_FULL not in line or self._is_fuller)):
            self._show(line)

    def _keep(self, line: str) -> None:
        self._last.append(line)
        self._file.emit(logging.makeLogRecord({"msg": line}))

    def _show(self, line: str) -> None:
        prefix = f"{self.name:>8} | "
        sys.stderr.write((f"\x1b[{self._colour}m{prefix}\x1b[0m" if self._colour else prefix) + line + "\n")
        sys.stderr.flush()
