"""Loopback ports for the servers of the tests."""

from __future__ import annotations

import itertools
import os

from sandbox import ports

# Below those that the system hands out by itself, and each process has its own two hundred: nobody else takes one
# between the choice and the server's start.
_mine = itertools.count(10_000 + os.getpid() % 100 * 200)

# Nobody answers there: it belongs to a service that threw away what it was sent (RFC 863).
DISCARD = 9


def free() -> int:
    """A port that no test was given before."""
    return next(port for port in _mine if ports.is_free(port))
