"""Freight by region and weight (首重, 续重), from a file as spreadsheets write it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checkout import settings as all_settings
from checkout import startup
from checkout.db import Engine
from checkout.errors import SettingsError
from checkout.orders.allocation import Terms
from checkout.prices import freight, regions
from checkout.prices.policy import Policy
from tests.shared.client import an_order_body, problem, serving
from tests.shared.factories import TERMS, a_sku, order, place_all, placed, rows

RULES = """region,first_weight_g,first_fee,further_weight_g,further_fee,free_from,delivered
*,1000,10.00,500,2.00,99.00,
新疆维吾尔自治区,1000,25.00,500,10.00,,TRUE
广东省 深圳市,1000,6.00,1000,1.00,50.00,
广东,1000,8.00,1000,1.00,50.00,
西藏,,,,,,FALSE
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "freight.csv"
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("region", "grams", "goods", "fen"),
    [
        ("北京市 海淀区", 0, 5000, 1000),
        ("北京市 海淀区", 1000, 5000, 1000),
        ("北京市 海淀区", 1001, 5000, 1200),
        ("北京市 海淀区", 1500, 5000, 1200),
        ("北京市 海淀区", 1501, 5000, 1400),
        ("北京市 海淀区", 9000, 9899, 4200),
        ("北京市 海淀区", 9000, 9900, 0),
        ("新疆 乌鲁木齐", 1200, 99_999, 3500),
        ("广东省深圳市南山区", 100, 100, 600),
        ("广东省/广州市", 2001, 100, 1000),
        ("广东", 100, 5000, 0),
        ("Shanghai", 100, 100, 1000),
        ("", 100, 100, 1000),
    ],
)
def test_the_longest_rule_that_fits_decides(rules: Path, region: str, grams: int, goods: int, fen: int) -> None:
    rule = freight.load(rules).find(region)
    assert rule is not None
    assert rule.fen(grams, goods) == fen


@pytest.mark.parametrize("region", ["西藏自治区 拉萨市", "西藏", "西藏-日喀则"])
def test_where_nothing_is_sent(rules: Path, region: str) -> None:
    assert freight.load(rules).find(region) is None


def test_without_a_line_for_all_others_only_what_is_named_is_served(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes("region;first_fee\r\n上海;5.00\r\n".encode("gb18030"))
    found = freight.load(path)
    assert (found.find("上海市 徐汇区"), found.find("北京市")) == (freight.Rule(0, 500, 0, 0, 0), None)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("亚特兰蒂斯,1,1.00,1,1.00,,", "line 2: '亚特兰蒂斯' is no region of China"),
        ("北京,1,ten,1,1.00,,", "line 2: first_fee: 'ten' is not yuan"),
        ("北京,1,1.00,0,1.00,,", "line 2: further_weight_g: a further fee needs a further weight"),
        ("北京,-1,1.00,1,1.00,,", "line 2: first_weight_g: Expected `int` >= 0"),
        ("北京,1,1.00,1,1.00,,\n北京市,1,1.00,1,1.00,,", "line 3: 北京市 stands there already"),
        ("北京,1,1.00,1,1.00,,maybe", "line 2: delivered: Expected `bool`"),
    ],
)
def test_a_wrong_line_is_named_at_the_start(environment: dict[str, str], tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"{RULES.splitlines()[0]}\n{line}\n", encoding="utf-8")
    told = all_settings.parse(environment | {"CHECKOUT_FREIGHT_RULES": str(path)})
    with pytest.raises(SettingsError, match="CHECKOUT_FREIGHT_RULES is wrong") as raised:
        startup.refuse_what_cannot_serve(told)
    assert why in str(raised.value)


def test_provinces_are_known_with_and_without_their_ending() -> None:
    names = (
        "内蒙古自治区 呼和浩特",
        "宁夏回族自治区",
        "广西壮族自治区南宁市",
        "香港特别行政区",
        "吉林省吉林市",
        "重庆市",
    )
    assert [regions.split(name) for name in names] == [
        ("内蒙古", "呼和浩特"),
        ("宁夏", ""),
        ("广西", "南宁市"),
        ("香港", ""),
        ("吉林", "吉林市"),
        ("重庆", ""),
    ]


@pytest.mark.usefixtures("in_process")
def test_orders_and_quotes_pay_by_weight_and_region(environment: dict[str, str], engine: Engine, rules: Path) -> None:
    a_sku(engine, price="10.00", weight_g=600)
    told = all_settings.parse(environment | {"CHECKOUT_FREIGHT_RULES": str(rules)})
    items = [{"sku_id": "1", "quantity": 2}]
    address = an_order_body()["address"]

    def sent_to(region: str, **members: Any) -> dict[str, Any]:
        return an_order_body(items=items, address=address | {"region": region}, **members)

    with serving(told) as client:
        quote = client.post("/v1/quotes", json=sent_to("新疆 喀什地区")).json
        assert (quote["freight"], quote["total_amount"], quote["problems"]) == ("35.00", "55.00", [])
        refused = client.post("/v1/quotes", json=sent_to("西藏 林芝市")).json
        assert [one["code"] for one in refused["problems"]] == ["not_delivered"]
        assert client.post("/v1/quotes", json={"items": items}).json["freight"] == "12.00"
        answer = client.order("tibet", sent_to("西藏 林芝市"))
        assert problem(answer) == (422, "invalid")
        assert (answer.json["errors"][0]["path"], rows(engine, "orders")) == ("address.region", [])
        order_id = int(client.order("k", sent_to("新疆 喀什地区", expected_total="55.00")).json["id"])
    place_all(engine, [order_id], Terms.of(told))
    assert order(engine, order_id).freight_fen == 3500


def test_what_was_taken_before_its_region_was_struck_off_pays_the_flat_freight(engine: Engine) -> None:
    a_sku(engine)
    struck = freight.Rules({("上海", ""): None})
    terms = replace(TERMS, prices=Policy(700, rules=struck))
    assert order(engine, placed(engine, terms=terms)).freight_fen == 700
