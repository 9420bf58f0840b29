"""The addresses and secrets of one stack: made at the first start, kept in its data directory, told to all commands."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from checkout.settings.secret_files import SUFFIX, overlay, secret
from sandbox import ports
from sandbox.alipay import keys
from sandbox.postgres import Postgres
from sandbox.valkey import Valkey

PREFIX = "CHECKOUT_"


@dataclass(frozen=True)
class Options:
    """What `checkout up` was asked for."""

    data_dir: str
    host: str
    port: int
    flower_port: int
    alipay_port: int
    pay_window: str
    time_scale: float
    verbose: bool


@dataclass(frozen=True)
class Kept:
    """What stays the same from start to start; a port changes when somebody else has taken it."""

    jwt_secret: str
    flower_password: str
    valkey_password: str
    valkey_port: int
    shop_port: int
    metrics_port: int


class Environment:
    """The `CHECKOUT_*` variables of one stack. What the caller's environment names wins over what is ours."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        """Makes the data directory and what is kept in it, and writes `environment.json` for the other commands."""
        self.data_dir = Path(options.data_dir)
        self._asked = (options.port, options.flower_port, options.alipay_port)
        self.kept = _keep(self.data_dir / "kept.json", *self._asked)
        self._given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and value}
        self.postgres = Postgres(self.data_dir / "postgres")
        self.valkey = Valkey(self.data_dir / "valkey", port=self.kept.valkey_port, password=self.kept.valkey_password)
        self.variables = overlay(self._ours(options), self._given) | _asked(options) | self._origins()
        write_private(self.data_dir / "environment.json", json.dumps(self.variables, indent=2))

    def __getitem__(self, name: str) -> str:
        """The value of CHECKOUT_`name`, or what its file says."""
        return secret(self.variables, PREFIX + name)

    def metrics_ports(self, *services: str) -> dict[str, int]:
        """One for each that has processes of its own; nobody asks when the caller wants it so.

        Prometheus finds them, and the API's, in `metrics.json` (file_sd_config).
        """
        if not self["METRICS_PORT"].isdecimal() or self["METRICS_PORT"] == "0":
            return {}  # What is no port is named by who reads the settings.
        ours = {service: ports.free(*self._asked) for service in services}
        everybody = {"api": int(self["METRICS_PORT"])} | ours
        told = [
            {"targets": [f"{ports.LOOPBACK}:{port}"], "labels": {"service": name}} for name, port in everybody.items()
        ]
        write_private(self.data_dir / "metrics.json", json.dumps(told, indent=2))
        return ours

    def is_ours(self, *names: str) -> bool:
        """Whether the caller left at least one of these to us, so that our own server must run."""
        return any(PREFIX + name not in self._given and PREFIX + name + SUFFIX not in self._given for name in names)

    def _ours(self, options: Options) -> dict[str, str]:
        shop = f"http://{ports.LOOPBACK}:{self.kept.shop_port}"
        ours = {
            "DATABASE_URL": self.postgres.url("checkout"),
            "BROKER_URL": self.valkey.url(0),
            "REDIS_URL": self.valkey.url(1),
            "JWT_SECRET": self.kept.jwt_secret,
            "METRICS_PORT": str(self.kept.metrics_port),
            "FLOWER_BASIC_AUTH": f"operator:{self.kept.flower_password}",
            "PUBLIC_URL": ports.url(ports.near(options.host), options.port),
            "SHOP_URL": shop,
        }
        if self.is_ours("ALIPAY_GATEWAY_URL"):
            ours |= self._sandbox_merchant(options.alipay_port)
        return {PREFIX + name: value for name, value in ours.items()}

    def _origins(self) -> dict[str, str]:
        """The shop that we start is let in beside those that the caller names."""
        given = self._given.get(f"{PREFIX}CORS_ORIGINS", "")
        if "*" in given or not self.is_ours("SHOP_URL"):
            return {}
        shop = f"http://{ports.LOOPBACK}:{self.kept.shop_port}"
        return {f"{PREFIX}CORS_ORIGINS": ",".join(filter(None, (given, shop)))}

    def _sandbox_merchant(self, port: int) -> dict[str, str]:
        merchant = keys.ensure(self.data_dir / "alipay")
        return {
            "ALIPAY_GATEWAY_URL": f"http://{ports.LOOPBACK}:{port}/gateway.do",
            "ALIPAY_APP_ID": merchant.app_id,
            "ALIPAY_SELLER_ID": merchant.seller_id,
            "ALIPAY_PRIVATE_KEY_FILE": str(merchant.app_private_key_file),
            "ALIPAY_PUBLIC_KEY_FILE": str(merchant.alipay_public_key_file),
        }


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    beside = file.with_name(f".{file.name}.new")
    beside.touch(mode=0o600)
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def _asked(options: Options) -> dict[str, str]:
    return {f"{PREFIX}PAY_WINDOW": options.pay_window, f"{PREFIX}TIME_SCALE": f"{options.time_scale:g}"}


def _keep(file: Path, *taken: int) -> Kept:
    """What was kept or is made now; no port of it is one that the stack was asked to use for something else."""
    # A directory of older code lacks what came later.
    kept: dict[str, Any] = asdict(_new(*taken)) | (
        json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    )
    for name in ("valkey_port", "shop_port", "metrics_port"):
        if kept[name] in taken or not ports.is_free(kept[name]):
            kept[name] = ports.free(*taken)
    write_private(file, json.dumps(kept))
    return Kept(**kept)


def _new(*taken: int) -> Kept:
    jwt, flower, valkey = (secrets.token_urlsafe(32) for _ in range(3))
    return Kept(jwt, flower, valkey, *(ports.free(*taken) for _ in range(3)))
