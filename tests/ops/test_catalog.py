"""Loading the catalogue and changing the stock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from checkout.db import Engine
from tests.shared.command import Command, good, refused
from tests.shared.factories import a_sku, row, rows, stock_of

CSV = "sku_id,spu_id,title,price,stock,on_sale\n1,1,青花盖碗,128.00,5,true\n2,1,公道杯,96.5,0,false\n"


def written(directory: Path, name: str, text: str) -> Path:
    file = directory / name
    file.write_text(text, encoding="utf-8-sig")  # As spreadsheets write it.
    return file


def test_a_csv_file_fills_the_catalogue(checkout: Command, engine: Engine, tmp_path: Path) -> None:
    assert good(checkout("catalog", "load", written(tmp_path, "c.csv", CSV))) == "added 2, updated 0\n"
    first, second = rows(engine, "skus")
    assert (first.title, first.price_fen, first.stock, first.on_sale) == ("青花盖碗", 12800, 5, True)
    assert (second.title, second.price_fen, second.stock, second.on_sale) == ("公道杯", 9650, 0, False)


def test_a_json_file_does_so_too(checkout: Command, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(
        json.dumps([{"sku_id": "x", "spu_id": "y", "title": "z", "price": "0.01", "stock": 3}]), encoding="utf-8"
    )
    good(checkout("catalog", "load", file))
    assert (row(engine, "skus", id="x").price_fen, stock_of(engine, "x")) == (1, 3)


def test_loading_again_updates_all_but_the_stock(checkout: Command, engine: Engine, tmp_path: Path) -> None:
    good(checkout("catalog", "load", written(tmp_path, "c.csv", CSV)))
    again = written(tmp_path, "d.csv", CSV.replace("128.00,5", "99.00,1000"))
    assert good(checkout("catalog", "load", again)) == "added 0, updated 2\n"
    assert (row(engine, "skus", id="1").price_fen, stock_of(engine)) == (9900, 5)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,1,a,0.001,5,true", "[0].price: the price '0.001' is not yuan from 0.01 on"),
        ("1,1,a,0,5,true", "[0].price: the price '0' is not yuan from 0.01 on"),
        ("1,1,a,1.00,-5,true", "[0]: Expected `int` >= 0 - at `$.stock`"),
        ("1,1,a,1.00,5,perhaps", "[0]: Expected `bool`, got `str` - at `$.on_sale`"),
        ("1 2,1,a,1.00,5,true", "- at `$.sku_id`"),
        ("1,1,a,1.00,5,true\n1,1,b,2.00,5,true", "a SKU stands there twice"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_loaded(
    checkout: Command, engine: Engine, tmp_path: Path, line: str, why: str
) -> None:
    file = written(tmp_path, "c.csv", CSV.splitlines()[0] + "\n" + line)
    assert refused(checkout("catalog", "load", file)).endswith(why)
    assert rows(engine, "skus") == []


def test_another_kind_of_file_is_a_misuse(checkout: Command, tmp_path: Path) -> None:
    assert "a .csv or a .json file is expected" in refused(
        checkout("catalog", "load", written(tmp_path, "c.txt", CSV)), status=2
    )
    assert "does not exist" in refused(checkout("catalog", "load", "nowhere.csv"), status=2)


def test_stock_is_added_taken_and_set_and_each_change_is_noted(checkout: Command, engine: Engine) -> None:
    a_sku(engine, stock=5)
    assert good(checkout("stock", "add", "1", 10)) == "1 has 15\n"
    assert good(checkout("stock", "add", "1", -3)) == "1 has 12\n"
    assert good(checkout("stock", "set", "1", 0)) == "1 has 0\n"
    assert stock_of(engine) == 0
    changes = [(change.delta, change.reason) for change in rows(engine, "stock_adjustments")]
    assert changes == [(5, "load"), (10, "add"), (-3, "add"), (-12, "set")]


def test_stock_that_is_not_there_cannot_be_taken(checkout: Command, engine: Engine) -> None:
    a_sku(engine, stock=5)
    assert "5 units are there" in refused(checkout("stock", "add", "1", -6))
    assert refused(checkout("stock", "set", "7", 1)) == "there is no SKU 7"
    assert "-1 is not in the range" in refused(checkout("stock", "set", "1", -1), status=2)
    assert stock_of(engine) == 5
