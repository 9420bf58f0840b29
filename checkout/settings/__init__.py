"""The settings, read once and strictly from `CHECKOUT_*`; a wrong or missing one is named with its cure."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from checkout import money
from checkout.errors import SettingsError
from checkout.settings import addresses, parsers, secret_files
from checkout.settings.addresses import Misfit

PREFIX = "CHECKOUT_"

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """Everything that one installation of the service can be told."""

    database_url: str
    broker_url: str
    events_url: str
    redis_url: str
    jwt_secret: str
    jwks: str  # a URL or a file; empty: tokens of our own secret alone
    jwt_audience: str
    jwt_issuer: str
    cors_origins: tuple[str, ...]
    flower_basic_auth: str
    metrics_port: int  # 0: nobody asks
    metrics_token: str
    otlp_url: str  # empty: nobody collects spans
    trace_share: float  # of the requests that come without a trace
    public_url: str
    shop_url: str
    alipay_app_id: str
    alipay_seller_id: str
    alipay_gateway_url: str
    alipay_bill_domains: tuple[str, ...]
    alipay_private_key_file: Path
    alipay_public_key_file: Path | None
    alipay_app_cert_file: Path | None
    alipay_cert_file: Path | None
    alipay_root_cert_file: Path | None
    pay_window_seconds: int
    time_scale: float  # divides Alipay's minimum times and our margins; 1 outside the sandbox
    freight_fen: int
    free_freight_from_fen: int
    freight_rules: Path | None
    pricing: str  # package.module:function; empty: the catalogue's prices
    auto_complete_seconds: int  # after an order's last parcel; 0: never
    retention_seconds: int  # from an order's end until nobody knows any more for whom it was; 0: for ever
    late_money: str
    pay_methods: tuple[str, ...]
    max_open_orders: int
    rate_per_user: int


class _Reader:
    """Reads values by name and gathers every fault, so that one start names them all."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.faults: list[str] = []

    def read(self, name: str, parse: Callable[[str], T], cure: str, default: str | None = None) -> T:
        try:
            text = secret_files.secret(self.values, PREFIX + name) or default
            if text is not None:
                return parse(text)
            self.faults.append(f"{PREFIX}{name} is missing: {cure}")
        except Misfit as misfit:
            self.faults.append(f"{PREFIX}{name} is wrong: {misfit}")
        except (ValueError, OSError):
            self.faults.append(f"{PREFIX}{name} is wrong: {cure}")
        return None  # type: ignore[return-value] # `finish` raises before anybody sees it.

    def finish(self) -> None:
        if self.faults:
            raise SettingsError("; ".join(self.faults))


def _database_url(reader: _Reader) -> str:
    return reader.read(
        "DATABASE_URL", addresses.address("postgresql+psycopg2"), "set postgresql+psycopg2://user@host/name"
    )


def _jwt_secret(reader: _Reader) -> str:
    return reader.read("JWT_SECRET", parsers.secret, "set a random secret of at least 32 bytes")


def _events_url(reader: _Reader, broker_url: str) -> str:
    cure = "a redis:// or amqp:// URL, or leave it out"
    return reader.read("EVENTS_URL", addresses.broker, cure, broker_url or "redis://nowhere")


def parse(values: Mapping[str, str]) -> Settings:
    """Settings from names like CHECKOUT_DATABASE_URL. Raises SettingsError that names every fault."""
    r = _Reader(values)
    broker_url = r.read("BROKER_URL", addresses.broker, "set redis://, rediss://, amqp:// or amqps://")
    public_url = r.read("PUBLIC_URL", addresses.http, "set the https:// address at which Alipay reaches this service")
    certificates = bool(values.get(PREFIX + "ALIPAY_APP_CERT_FILE"))
    optional = "name a readable PEM file, or leave it out"
    settings = Settings(
        database_url=_database_url(r),
        broker_url=broker_url,
        events_url=_events_url(r, broker_url),
        redis_url=r.read("REDIS_URL", addresses.redis, "set redis:// or rediss://, for carts and wake-ups"),
        jwt_secret=_jwt_secret(r),
        jwks=r.read(
            "JWKS", parsers.jwks, "name a readable file, or an https:// address (http:// only on this machine)", ""
        ),
        jwt_audience=values.get(PREFIX + "JWT_AUDIENCE", ""),
        jwt_issuer=values.get(PREFIX + "JWT_ISSUER", ""),
        cors_origins=r.read(
            "CORS_ORIGINS", addresses.origins, "set origins like https://shop.example, separated by commas", ","
        ),
        flower_basic_auth=r.read("FLOWER_BASIC_AUTH", parsers.credentials, "set USER:PASSWORD, one of each", ""),
        metrics_port=r.read("METRICS_PORT", parsers.port, "set a port that nothing else listens on", "0"),
        metrics_token=r.read("METRICS_TOKEN", str, "set a token, or leave it out", ""),
        otlp_url=r.read(
            "OTLP_URL", addresses.optional_http, "set where OTLP goes by HTTP, like http://127.0.0.1:4318/v1/traces", ""
        ),
        trace_share=r.read("TRACE_SHARE", parsers.share, "set a share from 0 to 1", "0.01"),
        public_url=public_url,
        shop_url=r.read(
            "SHOP_URL", addresses.http, "set the shop's http(s):// address", public_url or "http://nowhere"
        ),
        alipay_app_id=r.read("ALIPAY_APP_ID", parsers.digits, "set the app id from Alipay's console"),
        alipay_seller_id=r.read(
            "ALIPAY_SELLER_ID",
            parsers.seller,
            "set the merchant's PID from Alipay's console: 16 digits that begin with 2088",
        ),
        alipay_gateway_url=r.read(
            "ALIPAY_GATEWAY_URL",
            addresses.gateway,
            "set an https:// address (http:// only on this machine)",
            "https://openapi.alipay.com/gateway.do",
        ),
        alipay_bill_domains=r.read(
            "ALIPAY_BILL_DOMAINS",
            addresses.domains,
            "set the domains that bills may come from, separated by commas",
            "alipay.com,alipayobjects.com,alipaydev.com",
        ),
        alipay_private_key_file=r.read(
            "ALIPAY_PRIVATE_KEY_FILE", parsers.file, "name the readable PEM file of the app's key"
        ),
        alipay_public_key_file=r.read(
            "ALIPAY_PUBLIC_KEY_FILE",
            parsers.optional_file,
            "name the readable PEM file of Alipay's own public key (not the app's), or set the certificate files",
            "" if certificates else None,
        ),
        alipay_app_cert_file=r.read("ALIPAY_APP_CERT_FILE", parsers.optional_file, optional, ""),
        alipay_cert_file=r.read("ALIPAY_CERT_FILE", parsers.optional_file, optional, None if certificates else ""),
        alipay_root_cert_file=r.read(
            "ALIPAY_ROOT_CERT_FILE", parsers.optional_file, optional, None if certificates else ""
        ),
        pay_window_seconds=r.read("PAY_WINDOW", parsers.pay_window, "set a duration like 30m", "30m"),
        time_scale=r.read("TIME_SCALE", parsers.scale, "leave it at 1 outside the sandbox", "1"),
        freight_fen=r.read("FREIGHT", money.fen, "set yuan like 10.00", "10.00"),
        free_freight_from_fen=r.read("FREE_FREIGHT_FROM", money.fen, "set yuan like 99.00, or 0 for never", "0"),
        freight_rules=r.read("FREIGHT_RULES", parsers.optional_file, "name a readable CSV file, or leave it out", ""),
        pricing=values.get(PREFIX + "PRICING", ""),
        auto_complete_seconds=r.read(
            "AUTO_COMPLETE", parsers.duration_or_never, "set a duration like 10d, or 0 for never", "10d"
        ),
        retention_seconds=r.read("RETENTION", parsers.days_or_never, "set days like 180, or 0 to keep", "0"),
        late_money=r.read("LATE_MONEY", parsers.one_of("reinstate", "refund"), "set reinstate or refund", "reinstate"),
        pay_methods=r.read("PAY_METHODS", parsers.pay_methods, "set alipay, cash, or both with a comma", "alipay,cash"),
        max_open_orders=r.read("MAX_OPEN_ORDERS", parsers.count, "set a count, or 0 for no limit", "20"),
        rate_per_user=r.read("RATE_PER_USER", parsers.count, "set orders per minute, or 0 for no limit", "0"),
    )
    r.finish()
    return settings


def stored(data_dir: Path) -> dict[str, str]:
    """What `checkout up` wrote down for this data directory; nothing when it never ran here. Raises SettingsError."""
    file = data_dir / "environment.json"
    try:
        values: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} cannot be read: start `checkout up` there again, which writes it") from error
    return values


def tell(name: str, value: str) -> None:
    """For a library that reads the environment itself, here and in the processes that this one starts."""
    os.environ[name] = value


def environment() -> dict[str, str]:
    """This process's own environment, for those who start other processes."""
    return dict(os.environ)


def locale() -> str:
    """That of who sits at the terminal, like zh_CN.UTF-8; empty when nobody says. The order of names is POSIX'."""
    return next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")


def _values(data_dir: Path | None) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    return secret_files.overlay(stored(data_dir) if data_dir else {}, own)


def load(data_dir: Path | None = None) -> Settings:
    """The environment's settings over those of a running stack. Raises SettingsError."""
    return parse(_values(data_dir))


def database_url(data_dir: Path) -> str:
    """Just that one, for commands that need no other. Raises SettingsError."""
    reader = _Reader(_values(data_dir))
    url = _database_url(reader)
    reader.finish()
    return url


def jwt_secret(data_dir: Path) -> str:
    """Just that one, for commands that need no other. Raises SettingsError."""
    reader = _Reader(_values(data_dir))
    secret = _jwt_secret(reader)
    reader.finish()
    return secret


def adopt(data_dir: Path) -> Settings:
    """Makes the settings of a running stack this process's own, as if it were one of its. Raises SettingsError."""
    os.environ.update(_values(data_dir))
    current.cache_clear()
    return current()


@cache
def current() -> Settings:
    """The settings of this process, read once. Raises SettingsError."""
    return load()
