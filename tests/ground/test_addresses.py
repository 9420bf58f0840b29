"""Addresses and counts that cannot be meant are refused at the start; TLS is verified, whatever a URL leaves out."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from checkout import settings
from checkout.errors import SettingsError
from checkout.settings import addresses

CURE = "write special characters of user and password as %XX"


def told(environment: dict[str, str], name: str, value: str) -> str:
    with pytest.raises(SettingsError) as raised:
        settings.parse(environment | {f"CHECKOUT_{name}": value})
    [fault] = str(raised.value).split("; CHECKOUT_")
    assert fault.startswith(f"CHECKOUT_{name} is wrong: ")
    return fault


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("PAY_WINDOW", "16d", "Alipay takes 15d at most"),
        ("PAY_WINDOW", "٣m", "set a duration like 30m"),
        ("PAY_WINDOW", "1_000s", "set a duration like 30m"),
        ("MAX_OPEN_ORDERS", "٣", "set a count"),
        ("RATE_PER_USER", "1_000", "set orders per minute"),
        ("RATE_PER_USER", "+1", "set orders per minute"),
        ("TIME_SCALE", "1_0", "leave it at 1"),
        ("TIME_SCALE", "nan", "leave it at 1"),
        ("FREIGHT", "١.00", "set yuan like"),
        ("ALIPAY_GATEWAY_URL", "https://openapi.alipay.com/gateway.do?charset=utf-8", "leave out the ?"),
        ("ALIPAY_GATEWAY_URL", "https://openapi.alipay.com", "ends in /gateway.do"),
        ("ALIPAY_GATEWAY_URL", "http://openapi.alipay.com/gateway.do", "set an https:// address"),
        ("ALIPAY_SELLER_ID", "2088", "16 digits that begin with 2088"),
        ("ALIPAY_SELLER_ID", "20881021694823760156", "16 digits that begin with 2088"),
        ("ALIPAY_SELLER_ID", "2089102169482376", "16 digits that begin with 2088"),
        ("PUBLIC_URL", "https://shop.example/?a=b", "leave out the ?"),
        ("REDIS_URL", "redis://127.0.0.1/carts", "by its number"),
        ("REDIS_URL", "redis://127.0.0.1/-1", "by its number"),
        ("REDIS_URL", "redis://127.0.0.1/0/1", "by its number"),
        ("REDIS_URL", "redis://127.0.0.1/１", "by its number"),
        ("REDIS_URL", "redis://127.0.0.1?db=1", "by its number"),
        ("REDIS_URL", "redis:///1", "name the host"),
        ("REDIS_URL", "redis://:a/b@127.0.0.1/1", CURE),
        ("REDIS_URL", "redis://:12/34@127.0.0.1/1", CURE),
        ("REDIS_URL", "redis://:a#b@127.0.0.1/1", CURE),
        ("REDIS_URL", "redis://:a?b@127.0.0.1/1", CURE),
        ("REDIS_URL", "redis://:a%b@127.0.0.1/1", CURE),
        ("BROKER_URL", "amqp://shop:p@ss@127.0.0.1//", CURE),
        ("BROKER_URL", "amqp://shop:a b@127.0.0.1//\n", "blanks and control characters"),
        ("BROKER_URL", "redis://127.0.0.1:70000/0", CURE),
        ("DATABASE_URL", "postgresql+psycopg2://shop:p@ss@host/shop", CURE),
        ("DATABASE_URL", "postgresql+psycopg2://shop:a#b@host/shop", CURE),
        ("FLOWER_BASIC_AUTH", "operator", "set USER:PASSWORD"),
        ("FLOWER_BASIC_AUTH", "operator:", "set USER:PASSWORD"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_cure(
    environment: dict[str, str], name: str, value: str, cure: str
) -> None:
    assert cure in told(environment, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_URL", "amqp://shop:p%40ss%2F%23@broker.example:5673/orders"),
        ("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//"),
        ("REDIS_URL", "redis://:%E5%AF%86@[::1]:6379/15"),
        ("REDIS_URL", "redis://127.0.0.1"),
        ("DATABASE_URL", "postgresql+psycopg2://shop:p%40@/shop?host=%2Frun%2Fpostgresql&sslmode=verify-full"),
        ("FLOWER_BASIC_AUTH", "operator:a,b:密码 ☂"),
        ("PAY_WINDOW", "15d"),
    ],
)
def test_what_can_be_meant_is_taken(environment: dict[str, str], name: str, value: str) -> None:
    settings.parse(environment | {f"CHECKOUT_{name}": value})


@pytest.mark.parametrize("query", ["", "?ssl_cert_reqs=required", "?ssl_cert_reqs=CERT_REQUIRED"])
@pytest.mark.parametrize("host", ["rediss://host/0", "amqps://host//"])
def test_tls_is_verified_by_kombu_and_redis_py_alike(host: str, query: str) -> None:
    parsed = addresses.broker(host + query)
    plain, tls = addresses.for_kombu(parsed)
    assert "ssl_" not in plain
    assert tls
    assert ssl.CERT_REQUIRED in (tls.get("ssl_cert_reqs"), tls.get("cert_reqs"))
    assert parsed.endswith("ssl_cert_reqs=required")  # As redis-py spells it.


@pytest.mark.parametrize("query", ["ssl_cert_reqs=none", "ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs=optional",
                                   "ssl_cert_reqs=CERT_OPTIONAL", "ssl_check_hostname=false", "ssl_ca_certs=/nowhere",
                                   "ssl_ciphers=NULL"])  # fmt: skip # a table
@pytest.mark.parametrize("scheme", ["rediss", "amqps"])
def test_tls_that_is_not_verified_is_refused(environment: dict[str, str], scheme: str, query: str) -> None:
    fault = told(environment, "BROKER_URL", f"{scheme}://host/0?{query}")
    assert "name its CA" in fault or "and name a file" in fault


def test_ones_own_ca_is_named_for_each_library(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    plain, tls = addresses.for_kombu(addresses.broker(f"amqps://a:b@host/v?ssl_ca_certs={file}"))
    assert (plain, tls and tls["ca_certs"], tls and tls["server_hostname"]) == ("amqps://a:b@host/v", str(file), "host")
    assert (addresses.for_kombu(addresses.broker(f"rediss://host/0?ssl_ca_certs={file}"))[1] or {})[
        "ssl_ca_certs"
    ] == str(file)


def test_options_of_tls_without_tls_are_a_mistake(environment: dict[str, str]) -> None:
    assert "needs rediss://" in told(environment, "REDIS_URL", "redis://host/0?ssl_ca_certs=/etc/ssl/ca.pem")
