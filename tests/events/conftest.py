from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def rabbitmq() -> Iterator[None]:
    """One test at a time: all of them publish to one exchange of one server, and hear each other."""
    with Path(tempfile.gettempdir(), f"checkout-tests-rabbitmq.{os.getuid()}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
