"""Loading the catalogue and changing the stock."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from checkout import tables
from checkout.db import Engine, sql, transaction
from checkout.stock import catalog
from checkout.stock.catalog import Item
from ops.catalog import load_all
from tests.shared.command import Command, good, refused
from tests.shared.factories import a_sku, row, rows, stock_of
from tests.shared.processes import eventually

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


HEADER = CSV.splitlines()[0]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,1,a,0.001,5,true", "line 2: price: '0.001' is not yuan from 0.01 on, like 128.00"),
        ("1,1,a,0,5,true", "line 2: price: '0' is not yuan from 0.01 on, like 128.00"),
        ("1,1,a,,5,true", "line 2: price: '' is not yuan from 0.01 on, like 128.00"),
        ("1,1,a,1.00,-5,true", "line 2: stock: Expected `int` >= 0"),
        ("1,1,a,1.00,5,perhaps", "line 2: on_sale: Expected `bool`, got `str`"),
        ("1 2,1,a,1.00,5,true", "line 2: sku_id: an id has 1 to 64 letters, digits, dots, dashes and underscores"),
        (",1,a,1.00,5,true", "line 2: sku_id: an id has 1 to 64 letters, digits, dots, dashes and underscores"),
        ("1,1,a,1.00,5,true,x", "line 2: 7 cells under 6 columns"),
        ("1,1", "line 2: Object missing required field `title`"),
        ("1,1,a,1.00,5,true\n1,1,b,2.00,5,true", "line 3: SKU 1 stands on line 2 already"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_loaded(
    checkout: Command, engine: Engine, tmp_path: Path, line: str, why: str
) -> None:
    file = written(tmp_path, "c.csv", f"{HEADER}\n{line}\nlast,1,fine,1.00,5,true\n")
    assert refused(checkout("catalog", "load", file)) == why
    assert rows(engine, "skus") == []


def test_all_faults_are_named_at_once_with_the_lines_that_a_person_sees(checkout: Command, tmp_path: Path) -> None:
    lines = [
        HEADER,
        '1,1,"two\nlines",1.00,5,true',
        "",
        "2,1,b,free,5,true",
        '3,1,"three\n\nlines",x,5,true',
        "4,1,,1,,",
    ]
    told = refused(checkout("catalog", "load", written(tmp_path, "c.csv", "\n".join(lines)))).splitlines()
    assert [one.partition(":")[0] for one in told] == ["line 5", "line 6", "line 9"]


def test_faults_without_end_are_counted(checkout: Command, tmp_path: Path) -> None:
    lines = [HEADER, *(f"{number},1,a,free,1,true" for number in range(tables.MOST_FAULTS + 7))]
    told = refused(checkout("catalog", "load", written(tmp_path, "c.csv", "\n".join(lines)))).splitlines()
    assert (len(told), told[-1]) == (tables.MOST_FAULTS + 1, "and 7 more")


@pytest.mark.parametrize("header", ["", "sku_id,spu_id,title", f"{HEADER},colour", f"{HEADER},price", "1,1,a,1.00"])
def test_a_header_that_names_something_else(checkout: Command, tmp_path: Path, header: str) -> None:
    told = refused(checkout("catalog", "load", written(tmp_path, "c.csv", f"{header}\n1,1,a,1.00,1,true\n")))
    assert told.startswith("line 1: the header names the columns sku_id, spu_id, title, price, stock, on_sale, ")


EXCEL = (
    "sku_id;spu_id;title;price;stock;on_sale;;\r\n1;1;青花盖碗, 大;128.00;;TRUE;;\r\n"
    "2;1;公道杯;96.5;7;FALSE;;\r\n;;;;;;;\r\n"
)


@pytest.mark.parametrize(
    "content",
    [
        EXCEL.encode("gbk"),
        EXCEL.encode("utf-8-sig"),
        EXCEL.encode(),
        EXCEL.replace(";", "\t").encode("utf-16"),
        EXCEL.replace("碗, 大", "碗，大").replace(";", ",").encode("gbk"),
        b"sep=;\r\n" + EXCEL.encode("gbk"),
        EXCEL.replace("128.00;;TRUE", "128.00;0;").encode("gbk"),
    ],
)
def test_a_file_as_spreadsheets_write_it(checkout: Command, engine: Engine, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.csv").write_bytes(content)
    assert good(checkout("catalog", "load", tmp_path / "c.csv")) == "added 2, updated 0\n"
    first, second = rows(engine, "skus")
    assert (first.title[:4], first.price_fen, first.stock, first.on_sale) == ("青花盖碗", 12800, 0, True)
    assert (second.title, second.price_fen, second.stock, second.on_sale) == ("公道杯", 9650, 7, False)


def test_lines_are_counted_below_a_spreadsheets_hint(checkout: Command, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_bytes(b"sep=;\r\n" + EXCEL.replace("96.5", "free").encode("gbk"))
    assert refused(checkout("catalog", "load", tmp_path / "c.csv")).startswith("line 4: price: 'free'")


def test_a_long_list_is_loaded_in_pieces_that_hold_no_others_row(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one piece waits for a row that somebody has, the pieces before it are there and free."""
    monkeypatch.setattr(catalog, "CHUNK", 2)
    items = [Item(sku_id, "1", "new", "1.00") for sku_id in ("d", "b", "a", "c")]
    for sku_id in ("a", "d"):
        a_sku(engine, sku_id)
    with transaction(engine) as busy:
        busy.execute(sql("SELECT FROM skus WHERE id = 'd' FOR UPDATE"))
        loading = threading.Thread(target=load_all, args=(engine, items))
        loading.start()
        eventually(lambda: count_waiting(engine) == 1, "the second piece waits")
        with transaction(engine) as other:
            found = other.execute(sql("SELECT id, title FROM skus WHERE id <> 'd' ORDER BY id FOR UPDATE NOWAIT")).all()
    loading.join()
    assert [tuple(one) for one in found] == [("a", "new"), ("b", "new")]
    assert [one.title for one in rows(engine, "skus")] == ["new"] * 4


def count_waiting(engine: Engine) -> int:
    with transaction(engine) as connection:
        waiting: int = connection.execute(
            sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        ).scalar_one()
    return waiting


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


def test_a_change_of_stock_that_is_asked_for_again_with_its_key_is_made_once(checkout: Command, engine: Engine) -> None:
    a_sku(engine, stock=5)
    for _ in range(2):
        assert good(checkout("stock", "add", "1", 10, "--key", "delivery-7")) == "1 has 15\n"
    other = checkout("stock", "add", "1", 11, "--key", "delivery-7")
    assert (other.exit_code, other.stderr) == (1, "Error: the key came with another change of this stock before\n")
    assert stock_of(engine) == 15
