"""Ports of this machine: which are free, and one that is."""

import errno
import socket

LOOPBACK = "127.0.0.1"
_EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - what a person asked for, and how to get there

_given: set[int] = set()


def free(*taken: int) -> int:
    """A loopback port that nothing listens on at this moment, none of those, and not given to this process before."""
    while True:
        with socket.socket() as listener:
            listener.bind((LOOPBACK, 0))
            port: int = listener.getsockname()[1]
        if port not in _given.union(taken):
            _given.add(port)
            return port


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on this port now. Raises socket.gaierror for a host that is none."""
    [(family, _, _, _, address), *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    with socket.socket(family) as listener:
        # As servers do it, so that connections in TIME_WAIT from an earlier run do not count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            return False
        return True


def near(host: str) -> str:
    """Where this machine reaches a server that listens on the host."""
    return _EVERYWHERE.get(host, host)


def url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex((LOOPBACK, port)) == 0
