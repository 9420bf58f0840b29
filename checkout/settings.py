"""The settings, read once and strictly from `CHECKOUT_*`; a wrong or missing one is named with its cure."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from checkout import clock, money
from checkout.errors import SettingsError

PREFIX = "CHECKOUT_"
LONGEST_PAY_WINDOW_SECONDS = 15 * 86_400

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """Everything that one installation of the service can be told."""

    database_url: str
    broker_url: str
    events_url: str
    redis_url: str
    jwt_secret: str
    cors_origins: tuple[str, ...]
    flower_basic_auth: str
    metrics_token: str
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
    late_money: str
    max_open_orders: int
    rate_per_user: int


class _Reader:
    """Reads values by name and gathers every fault, so that one start names them all."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.faults: list[str] = []

    def read(self, name: str, parse: Callable[[str], T], cure: str, default: str | None = None) -> T:
        text = self.values.get(PREFIX + name, "") or default
        if text is None:
            self.faults.append(f"{PREFIX}{name} is missing: {cure}")
        else:
            try:
                return parse(text)
            except (ValueError, OSError):
                self.faults.append(f"{PREFIX}{name} is wrong: {cure}")
        return None  # type: ignore[return-value] # `finish` raises before anybody sees it.

    def finish(self) -> None:
        if self.faults:
            raise SettingsError("; ".join(self.faults))


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError(text)
        return text.rstrip("/")

    return parse


def _file(text: str) -> Path:
    path = Path(text)
    path.read_bytes()
    return path


def _optional_file(text: str) -> Path | None:
    return _file(text) if text else None


def _secret(text: str) -> str:
    if len(text.encode()) < 32:  # RFC 7518, 3.2: an HS256 key has at least 256 bits.
        raise ValueError("too short")
    return text


def _digits(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return text


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return parse


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def _pay_window(text: str) -> int:
    """Alipay takes a `time_expire` of 15 days ahead at most (opendocs, alipay.trade.page.pay)."""
    seconds = clock.duration_seconds(text)
    if seconds > LONGEST_PAY_WINDOW_SECONDS:
        raise ValueError(text)
    return seconds


def _scale(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 100_000:
        raise ValueError(text)
    return value


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in origins:
        if origin != "*" and urlsplit(origin).scheme not in ("http", "https"):
            raise ValueError(origin)
    return origins


def _database_url(reader: _Reader) -> str:
    return reader.read("DATABASE_URL", _url("postgresql+psycopg2"), "set postgresql+psycopg2://user@host/name")


def _jwt_secret(reader: _Reader) -> str:
    return reader.read("JWT_SECRET", _secret, "set a random secret of at least 32 bytes")


def _events_url(reader: _Reader, broker_url: str) -> str:
    return reader.read("EVENTS_URL", _BROKER, "a redis:// or amqp:// URL, or leave it out", broker_url or "redis:")


_BROKER = _url("redis", "rediss", "amqp", "amqps")
_REDIS = _url("redis", "rediss")
_HTTP = _url("http", "https")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's own, where nobody else can listen."""
    return urlsplit(url).hostname in _LOOPBACK


def _gateway(text: str) -> str:
    url = _HTTP(text)
    if urlsplit(url).scheme != "https" and not is_loopback(url):
        raise ValueError(text)
    return url


def _domains(text: str) -> tuple[str, ...]:
    domains = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) for domain in domains):
        raise ValueError(text)
    return domains


def parse(values: Mapping[str, str]) -> Settings:
    """Settings from names like CHECKOUT_DATABASE_URL. Raises SettingsError that names every fault."""
    r = _Reader(values)
    broker_url = r.read("BROKER_URL", _BROKER, "set redis://, rediss://, amqp:// or amqps://")
    public_url = r.read("PUBLIC_URL", _HTTP, "set the https:// address under which Alipay reaches this service")
    certificates = bool(values.get(PREFIX + "ALIPAY_APP_CERT_FILE"))
    optional = "name a readable PEM file, or leave it out"
    settings = Settings(
        database_url=_database_url(r),
        broker_url=broker_url,
        events_url=_events_url(r, broker_url),
        redis_url=r.read("REDIS_URL", _REDIS, "set redis:// or rediss://, for carts and wake-ups"),
        jwt_secret=_jwt_secret(r),
        cors_origins=r.read(
            "CORS_ORIGINS", _origins, "set origins like https://shop.example, separated by commas", ","
        ),
        flower_basic_auth=values.get(PREFIX + "FLOWER_BASIC_AUTH", ""),
        metrics_token=values.get(PREFIX + "METRICS_TOKEN", ""),
        public_url=public_url,
        shop_url=r.read("SHOP_URL", _HTTP, "set the shop's http(s):// address", public_url or "http:"),
        alipay_app_id=r.read("ALIPAY_APP_ID", _digits, "set the app id from Alipay's console"),
        alipay_seller_id=r.read("ALIPAY_SELLER_ID", _digits, "set the merchant's PID (2088…) from Alipay's console"),
        alipay_gateway_url=r.read(
            "ALIPAY_GATEWAY_URL",
            _gateway,
            "set an https:// gateway.do address (http:// only on this machine)",
            "https://openapi.alipay.com/gateway.do",
        ),
        alipay_bill_domains=r.read(
            "ALIPAY_BILL_DOMAINS",
            _domains,
            "set the domains that bills may come from, separated by commas",
            "alipay.com,alipayobjects.com,alipaydev.com",
        ),
        alipay_private_key_file=r.read("ALIPAY_PRIVATE_KEY_FILE", _file, "name the readable PEM file of the app's key"),
        alipay_public_key_file=r.read(
            "ALIPAY_PUBLIC_KEY_FILE",
            _optional_file,
            "name the readable PEM file of Alipay's own public key (not the app's), or set the certificate files",
            "" if certificates else None,
        ),
        alipay_app_cert_file=r.read("ALIPAY_APP_CERT_FILE", _optional_file, optional, ""),
        alipay_cert_file=r.read("ALIPAY_CERT_FILE", _optional_file, optional, None if certificates else ""),
        alipay_root_cert_file=r.read("ALIPAY_ROOT_CERT_FILE", _optional_file, optional, None if certificates else ""),
        pay_window_seconds=r.read("PAY_WINDOW", _pay_window, "set a duration like 30m", "30m"),
        time_scale=r.read("TIME_SCALE", _scale, "leave it at 1 outside the sandbox", "1"),
        freight_fen=r.read("FREIGHT", money.fen, "set yuan like 10.00", "10.00"),
        free_freight_from_fen=r.read("FREE_FREIGHT_FROM", money.fen, "set yuan like 99.00, or 0 for never", "0"),
        late_money=r.read("LATE_MONEY", _one_of("reinstate", "refund"), "set reinstate or refund", "reinstate"),
        max_open_orders=r.read("MAX_OPEN_ORDERS", _count, "set a count, or 0 for no limit", "20"),
        rate_per_user=r.read("RATE_PER_USER", _count, "set orders per minute, or 0 for no limit", "0"),
    )
    r.finish()
    return settings


def stored(data_dir: Path) -> dict[str, str]:
    """What `checkout up` wrote down for this data directory; nothing when it never ran here. Raises SettingsError."""
    file = data_dir / "environment.json"
    try:
        values: dict[str, str] = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} cannot be read: start `checkout up` there again, which writes it") from error
    return values


def environment() -> dict[str, str]:
    """This process's own environment, for those who start other processes."""
    return dict(os.environ)


def _values(data_dir: Path | None) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    return {**(stored(data_dir) if data_dir else {}), **own}


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
    for name, value in stored(data_dir).items():
        os.environ.setdefault(name, value)
    current.cache_clear()
    return current()


@cache
def current() -> Settings:
    """The settings of this process, read once. Raises SettingsError."""
    return load()
