"""A shop takes the ways to pay that it names; what it had accepted before stays accepted."""

from __future__ import annotations

import pytest

from checkout import settings
from checkout.db import Engine
from checkout.errors import SettingsError
from tests.shared.client import an_order_body, problem, serving
from tests.shared.factories import a_sku, order, place_all, rows

CASH = an_order_body(pay_method="cash")


@pytest.mark.usefixtures("in_process")
def test_what_is_not_taken_any_more_is_refused_and_nothing_stored(environment: dict[str, str], engine: Engine) -> None:
    a_sku(engine)
    with serving(settings.parse(environment)) as client:
        before = client.order("before", CASH)
    with serving(settings.parse(environment | {"CHECKOUT_PAY_METHODS": "alipay"})) as client:
        refused = client.order("after", CASH)
        again = client.order("before", CASH)
        assert client.order("another", an_order_body()).status_code == 202
    assert problem(refused) == (422, "invalid")
    assert refused.json["errors"][0]["path"] == "pay_method"
    assert (again.status_code, again.json["id"]) == (202, before.json["id"])
    assert len(rows(engine, "orders")) == 2
    place_all(engine, [int(before.json["id"])])
    assert order(engine, int(before.json["id"])).status == "awaiting_shipment"


@pytest.mark.parametrize("value", ["card", "alipay,card", "alipay;cash"])
def test_a_way_to_pay_that_there_is_not(environment: dict[str, str], value: str) -> None:
    with pytest.raises(SettingsError, match="CHECKOUT_PAY_METHODS is wrong: set alipay, cash"):
        settings.parse(environment | {"CHECKOUT_PAY_METHODS": value})
