"""What `checkout up` consists of."""

import http.client
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypedDict, Unpack

from sandbox import ports, postgres, process, ready
from sandbox.environment import Environment, Options
from sandbox.service import Service

# Inherited by all that a service starts, so that nothing of it can hide.
_STACK, _SERVICE = "CHECKOUT_STACK_OF", "CHECKOUT_SERVICE"
_DATABASE = "checkout"
_PROBE_SECONDS = 5.0
_API_WORKERS = 2  # So that one that is killed is no outage.
_WORKERS = {
    "orders": ("--pool=prefork", "-c2"),
    "refunds": ("--pool=threads", "-c2"),
    "alipay": ("--pool=threads", "-c8"),
    "webhooks": ("--pool=threads", "-c16"),
    "default": ("--pool=threads", "-c4"),
}


class _More(TypedDict, total=False):
    after: tuple[str, ...]
    ready: Callable[[], bool]
    ready_line: str
    step: bool


class Stack:
    """The services of one data directory, with their addresses."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        """`environ` is the caller's environment: what it names wins, and our own server for it is left out."""
        self.options = options
        self.environment = Environment(options, environ)
        self._variables = {
            **environ,
            **self.environment.variables,
            "PYTHONUTF8": "1",  # Whatever locale the caller has.
            _STACK: options.data_dir,
            "no_proxy": ",".join(filter(None, (environ.get("no_proxy"), ports.LOOPBACK))),
        }
        self._metrics_ports = self.environment.metrics_ports(*_WORKERS, "beat")

    def services(self) -> list[Service]:
        """All services; what needs no other comes first, and PostgreSQL last of these, since it is made ready here."""
        ours = self.environment.is_ours
        return [
            *([self._valkey()] if ours("BROKER_URL", "REDIS_URL") else []),
            *([self._alipay()] if ours("ALIPAY_GATEWAY_URL") else []),
            *([self._shop()] if ours("SHOP_URL") else []),
            *([self._postgres()] if ours("DATABASE_URL") else []),
            self._python("prepare", "ops.prepare", after=("postgres", "valkey"), step=True),
            self._api(),
            *(self._worker(queue) for queue in _WORKERS),
            self._beat(),
            self._flower(),
        ]

    def taken_ports(self) -> list[str]:
        """Why the asked ports cannot be had, one sentence each, with the way out."""
        asked = {"--port": self.options.port, "--flower-port": self.options.flower_port}
        if self.environment.is_ours("ALIPAY_GATEWAY_URL"):
            asked["--alipay-port"] = self.options.alipay_port
        if not self.environment.is_ours("METRICS_PORT") and self.environment["METRICS_PORT"].isdecimal():
            asked["CHECKOUT_METRICS_PORT"] = int(self.environment["METRICS_PORT"])
        twice = [f"port {port} is asked for twice" for port, count in Counter(asked.values()).items() if count > 1]
        try:
            return twice + [
                f"port {port} is taken by another program: end that one, or choose another port with {option}"
                for option, port in asked.items()
                if not ports.is_free(port, self.options.host if option == "--port" else ports.LOOPBACK)
            ]
        except OSError as error:
            return [f"{self.options.host} is no address of this machine ({error.strerror}): see --host"]

    def addresses(self) -> list[str]:
        """What a person needs to use the stack, a line each."""
        user, _, password = self.environment["FLOWER_BASIC_AUTH"].partition(":")
        return [
            f"api {ports.url(ports.near(self.options.host), self.options.port)}",
            f"shop {self.environment['SHOP_URL']}",
            f"flower {ports.url(ports.LOOPBACK, self.options.flower_port)} {user} {password}",
            f"alipay {self.environment['ALIPAY_GATEWAY_URL'].removesuffix('/gateway.do')}",
        ]

    def _postgres(self) -> Service:
        server = self.environment.postgres

        def is_ready() -> bool:
            if server.ready():
                postgres.ensure_database(server.url(), _DATABASE)
                return True
            return False

        return Service(
            "postgres",
            server.command(),
            postgres.ENVIRONMENT,
            ready=is_ready,
            ready_line="ready to accept connections",
            prepare=server.prepare,
            stop_by=signal.SIGINT,
            dies_by=signal.SIGQUIT,
            stop_seconds=30.0,
        )

    def _valkey(self) -> Service:
        server = self.environment.valkey
        variables = {_STACK: self.options.data_dir, _SERVICE: "valkey"}
        return Service(
            "valkey",
            server.command(),
            variables,
            ready=server.ready,
            prepare=server.prepare,
            dies_by=signal.SIGTERM,
        )

    def _alipay(self) -> Service:
        port = self.options.alipay_port
        data_dir = Path(self.options.data_dir, "alipay")
        arguments = (f"--data-dir={data_dir}", f"--port={port}", f"--time-scale={self.options.time_scale:g}")
        return self._python("alipay-gateway", "sandbox.alipay", *arguments, ready=partial(ports.answers, port))

    def _shop(self) -> Service:
        port = self.environment.kept.shop_port
        return self._python("shop", "sandbox.shop", f"--port={port}", ready=partial(ports.answers, port))

    def _api(self) -> Service:
        port = self.options.port
        arguments = (f"--host={self.options.host}", f"--port={port}", f"--workers={_API_WORKERS}")
        is_ready = partial(_says_ok, port, "/health/ready", ports.near(self.options.host))
        return self._python("api", "api", *arguments, after=("prepare", "valkey"), ready=is_ready)

    def _worker(self, queue: str) -> Service:
        return self._celery(
            queue,
            *("worker", "-Q", queue, "-n", f"{queue}@%h", *_WORKERS[queue]),
            # Mingling asks the other workers for revoked tasks and waits a second for each answer; nobody revokes.
            *("--without-mingle", "-I", ready.__name__),
            after=("prepare", "valkey", "alipay-gateway"),
            ready_line=ready.LINE,
        )

    def _beat(self) -> Service:
        return self._celery("beat", "beat", after=("valkey", "prepare"))

    def _flower(self) -> Service:
        port = self.options.flower_port
        address = (f"--address={ports.LOOPBACK}", f"--port={port}")
        bounds = ("--max_tasks=1000", "--purge_offline_workers=86400")
        kept = ("--persistent=True", f"--db={self.options.data_dir}/flower", "--state_save_interval=60000")
        columns = "--tasks_columns=name,args,state,received,runtime,routing_key,worker"
        return self._python(
            "flower",
            *("tasks.flower", *address, *bounds, *kept, columns),
            after=("valkey",),
            ready=partial(_says_ok, port, "/healthcheck"),
        )

    def _celery(self, name: str, *arguments: str, **more: Unpack[_More]) -> Service:
        return self._python(name, "celery", "--quiet", "-A", "tasks.app", *arguments, **more)

    def _python(self, name: str, *module: str, **more: Unpack[_More]) -> Service:
        variables = {**self._variables, _SERVICE: name}
        if port := self._metrics_ports.get(name):
            variables["CHECKOUT_METRICS_PORT"] = str(port)
        return Service(name, [sys.executable, "-m", *module], variables, **more)


def processes(data_dir: Path, service: str | None = None) -> list[int]:
    """The pids of the stack of this data directory, or of one of its services; PostgreSQL is not among them."""
    marks = {f"{_STACK}={data_dir}"} | ({f"{_SERVICE}={service}"} if service else set())
    return [pid for pid in process.everyone() if marks <= process.variables(pid)]


def _says_ok(port: int, path: str, host: str = ports.LOOPBACK) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
