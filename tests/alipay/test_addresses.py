"""Nobody between us and Alipay: https everywhere but on this machine, and bills only from Alipay's own domains."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from redis import Redis

from checkout.alipay import bill
from checkout.alipay.bill import BillRefused
from checkout.alipay.client import Alipay
from checkout.errors import SettingsError
from checkout.settings import Settings, parse
from tests.alipay.hostile import Hostile

BILL = "alipay_data_dataservice_bill_downloadurl_query_response"
DAY = date(2026, 11, 25)


@pytest.fixture
def remote(settings: Settings, redis: Redis, hostile: Hostile) -> Alipay:
    """As if the gateway were not on this machine."""
    made = Alipay(replace(settings, alipay_gateway_url=hostile.url), redis)
    made.is_local = False
    return made


@pytest.mark.parametrize(
    "url", ["http://openapi.alipay.com/gateway.do", "http://127.0.0.1.evil.example/gateway.do", "ftp://127.0.0.1/x"]
)
def test_a_gateway_elsewhere_is_asked_by_https_only(environment: dict[str, str], url: str) -> None:
    with pytest.raises(SettingsError, match="CHECKOUT_ALIPAY_GATEWAY_URL is wrong"):
        parse(environment | {"CHECKOUT_ALIPAY_GATEWAY_URL": url})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_gateway_on_this_machine_may_speak_http(environment: dict[str, str], host: str) -> None:
    url = f"http://{host}:8088/gateway.do"
    assert parse(environment | {"CHECKOUT_ALIPAY_GATEWAY_URL": url}).alipay_gateway_url == url


@pytest.mark.parametrize("domains", ["*", "com", "https://alipay.com", "alipay.com;x.com"])
def test_domains_of_bills_are_read_strictly(environment: dict[str, str], domains: str) -> None:
    with pytest.raises(SettingsError, match="CHECKOUT_ALIPAY_BILL_DOMAINS is wrong"):
        parse(environment | {"CHECKOUT_ALIPAY_BILL_DOMAINS": domains})


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("https://dwbillcenter.alipay.com/x?fileId=1", "https://dwbillcenter.alipay.com/x?fileId=1"),
        ("https://ALIPAY.com/x", "https://alipay.com/x"),
        ("http://dwbillcenter.alipay.com/x", "https://dwbillcenter.alipay.com/x"),
    ],
)
def test_a_bill_is_fetched_by_https_from_alipay(remote: Alipay, hostile: Hostile, told: str, asked: str) -> None:
    hostile.says = hostile.genuine(BILL, bill_download_url=told).encode()
    assert bill.address(remote, DAY, is_due=True) == asked


@pytest.mark.parametrize(
    "told",
    [
        "https://evil.example/x",
        "https://alipay.com.evil.example/x",
        "https://evilalipay.com/x",
        "https://alipay.com@evil.example/x",
        "https://evil.example/alipay.com",
        "https://user:word@dwbillcenter.alipay.com/x",
        "https://dwbillcenter.alipay.com:8443/x",
        "https://dwbillcenter.alipay.com:x/x",
        "ftp://dwbillcenter.alipay.com/x",
        "file:///etc/passwd",
        "http://127.0.0.1:1/x",
        "http://169.254.169.254/latest",
        "https://[::1]/x",
        "//evil.example",
        "x",
    ],
)
def test_a_bill_from_anywhere_else_is_refused(remote: Alipay, hostile: Hostile, told: str) -> None:
    hostile.says = hostile.genuine(BILL, bill_download_url=told).encode()
    with pytest.raises(BillRefused):
        bill.address(remote, DAY, is_due=True)


def test_the_gateway_of_this_machine_has_its_bills_here(alipay: Alipay, hostile: Hostile) -> None:
    hostile.says = hostile.genuine(BILL, bill_download_url="http://127.0.0.1:8088/bill").encode()
    assert bill.address(alipay, DAY, is_due=True) == "http://127.0.0.1:8088/bill"
    hostile.says = hostile.genuine(BILL, bill_download_url="http://192.168.0.9/bill").encode()
    with pytest.raises(BillRefused):
        bill.address(alipay, DAY, is_due=True)
