"""nginx and Caddy with their files under deploy/, in which only names, paths and ports are replaced."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import urllib3

from sandbox import process as starting
from tests.deploy.tools import DEPLOY, program
from tests.shared import ports
from tests.shared.processes import eventually
from tests.shared.tls import authority

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
_MAIN = """
daemon off; user root; pid {directory}/pid; error_log stderr;
events {{}}
http {{
    client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
    uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
    include {directory}/checkout.conf;
}}
"""


class Front(NamedTuple):
    """A proxy that runs: its address, and callers who believe its certificate."""

    url: str
    http: urllib3.PoolManager


class Behind(NamedTuple):
    """Where the services listen that it forwards to, each on this machine."""

    api: int
    flower: int


# In a directory of its own, with tools from another, which all tests share.
Start = Callable[[Behind, Path, Path], AbstractContextManager[Front]]


@contextmanager
def nginx(behind: Behind, directory: Path, _tools: Path) -> Iterator[Front]:
    if not NGINX:
        pytest.skip("nginx is not here")
    ca, chain = authority(directory)
    port, plain = ports.free(), ports.free()
    text = (DEPLOY / "nginx/checkout.conf").read_text(encoding="utf-8")
    text = re.sub(r" *listen \[::].*\n", "", text)  # There may be no IPv6 here.
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("127.0.0.1:8000", f"127.0.0.1:{behind.api}"),
        ("127.0.0.1:5555", f"127.0.0.1:{behind.flower}"),
        ("/etc/nginx/tls/checkout.example.pem", str(chain)),
        ("/etc/nginx/tls/checkout.example.key", str(chain)),
        ("/var/log/nginx/checkout.log", str(directory / "access.log")),
        ("checkout.example", "localhost"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (directory / "checkout.conf").write_text(text, encoding="utf-8")
    main = directory / "nginx.conf"
    main.write_text(_MAIN.format(directory=directory), encoding="utf-8")
    with _running([NGINX, "-c", str(main)], {}, directory):
        yield _front(port, ca)


@contextmanager
def caddy(behind: Behind, directory: Path, tools: Path) -> Iterator[Front]:
    port, plain = ports.free(), ports.free()
    command = program("caddy", tools / "caddy")
    text = (DEPLOY / "caddy/Caddyfile").read_text(encoding="utf-8")
    file = directory / "Caddyfile"
    file.write_text(text.replace("{\n", f"{{\n\tadmin off\n\thttp_port {plain}\n", 1), encoding="utf-8")
    environment = {
        "CHECKOUT_SITE": f"localhost:{port}",
        "CHECKOUT_API": f"127.0.0.1:{behind.api}",
        "CHECKOUT_FLOWER": f"127.0.0.1:{behind.flower}",
        "XDG_DATA_HOME": str(directory),
        "XDG_CONFIG_HOME": str(directory),
    }
    root = directory / "caddy/pki/authorities/local/root.crt"
    with _running([str(command), "run", "--adapter", "caddyfile", "--config", str(file)], environment, directory):
        eventually(root.exists, "Caddy has made its authority")
        yield _front(port, root)


@contextmanager
def _running(command: list[str], environment: dict[str, str], directory: Path) -> Iterator[None]:
    own = {"PATH": os.environ["PATH"], "HOME": str(directory), **environment}
    with (directory / "log").open("ab") as output:
        child = starting.start(command, environment=own, output=output, directory=directory)
    try:
        yield
    finally:
        child.terminate()
        child.wait(40)


def _front(port: int, ca: Path) -> Front:
    callers = urllib3.PoolManager(ca_certs=str(ca), retries=False, timeout=urllib3.Timeout(60))
    front = Front(f"https://localhost:{port}", callers)

    def answers() -> bool:
        try:
            return callers.request("GET", f"{front.url}/metrics").status == 404
        except urllib3.exceptions.HTTPError:
            return False

    eventually(answers, "the proxy answers")
    return front


PROXIES: dict[str, Start] = {"nginx": nginx, "caddy": caddy}
