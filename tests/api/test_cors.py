"""Pages of other origins: which are let in, what they may send and what they may read, as docs/api.md says it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from falcon.testing import Result

from checkout.settings import Settings
from tests.shared.client import serving
from tests.shared.processes import ROOT

SHOP = "https://shop.example"


def readable() -> set[str]:
    """The headers that the document promises."""
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    promised = re.search(r"and read (`Date`.*?) beside the body", text, re.DOTALL)
    assert promised is not None
    return set(re.findall(r"`([\w-]+)`", promised[1]))


def asked(settings: Settings, allowed: str, method: str, **headers: str) -> Result:
    """What the browser of a page gets whose origin is the shop's."""
    given = {"Origin": SHOP} | {name.replace("_", "-"): value for name, value in headers.items()}
    with serving(replace(settings, cors_origins=tuple(allowed.split(",")))) as client:
        return client.wait(client.call(method, "/v1/orders", user=None, headers=given))


@pytest.mark.parametrize("allowed", [SHOP, f"https://m.shop.example,{SHOP}", "*", f"*,{SHOP}"])
def test_an_origin_that_is_let_in_may_send_and_read(shared_settings: Settings, allowed: str) -> None:
    wanted = "authorization, content-type, idempotency-key, prefer"
    preflight = asked(
        shared_settings,
        allowed,
        "OPTIONS",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers=wanted,
    )
    answer = asked(shared_settings, allowed, "GET")
    assert preflight.headers["Access-Control-Allow-Origin"] == ("*" if "*" in allowed else SHOP)
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == wanted
    assert preflight.headers["Access-Control-Max-Age"] == "86400"
    assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == readable()
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("allowed", ["https://other.example", "http://shop.example", f"{SHOP}:8443", ""])
def test_any_other_origin_is_told_nothing(shared_settings: Settings, allowed: str) -> None:
    preflight = asked(shared_settings, allowed, "OPTIONS", Access_Control_Request_Method="POST")
    assert not [name for name in preflight.headers if name.lower().startswith("access-control-")]
