"""What an operator does with goods at the terminal: send a parcel, pay lines back, set limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkout.db import Engine
from tests.shared.command import Command, answer, good, refused
from tests.shared.factories import a_sku, order, paid, row, rows

HEADER = "sku_id,spu_id,title,price,stock,on_sale,weight_g,limit_per_user"


@pytest.fixture
def bought(engine: Engine) -> int:
    a_sku(engine, "1", stock=9), a_sku(engine, "2", stock=9)
    return paid(engine, lines={"1": 3, "2": 1})


def test_parcels_leave_with_their_label(checkout: Command, engine: Engine, bought: int) -> None:
    label = ("--carrier", "顺丰", "--tracking", "SF1")
    shown = answer(checkout("orders", "ship", bought, *label, "--item", "1=1", "--item", "1=1", "--json"))
    assert (shown["status"], shown["shipments"][0]["items"]) == (
        "awaiting_shipment",
        [{"sku_id": "1", "quantity": 2}],
    )
    assert "shipped" in good(checkout("orders", "ship", bought, *label))
    assert [parcel.tracking_number for parcel in rows(engine, "shipments")] == ["SF1", "SF1"]
    assert refused(checkout("orders", "ship", bought, "--item", "1=1")) == "0 of SKU 1 are left to ship"


def test_more_than_is_left_does_not_leave(checkout: Command, engine: Engine, bought: int) -> None:
    assert refused(checkout("orders", "ship", bought, "--item", "2=2")) == "1 of SKU 2 are left to ship"
    assert order(engine, bought).status == "awaiting_shipment"


def test_lines_are_paid_back(checkout: Command, engine: Engine, bought: int) -> None:
    made = answer(checkout("refunds", "create", bought, "--item", "1=2", "--freight", "--json"))
    assert (made["amount"], made["freight"], made["items"]) == (
        "30.00",
        "10.00",
        [{"sku_id": "1", "quantity": 2, "amount": "20.00"}],
    )
    good(checkout("refunds", "create", bought, "--item", "2=1", "--restock"))
    assert [refund.restock for refund in rows(engine, "refunds")] == [False, True]
    assert refused(checkout("refunds", "create", bought, "--item", "1=2")) == "1 of SKU 1 are left to refund"


@pytest.mark.parametrize(
    "options",
    [(), ("--amount", "1.00", "--item", "1=1"), ("--amount", "1.00", "--restock"), ("--freight", "--restock")],
)
def test_either_an_amount_or_lines(checkout: Command, bought: int, options: tuple[str, ...]) -> None:
    assert checkout("refunds", "create", bought, *options).exit_code == 2


@pytest.mark.parametrize("item", ["1", "1=", "=1", "1=0", "1=1000", "1=-1", "1=x"])
def test_units_are_written_sku_and_number(checkout: Command, bought: int, item: str) -> None:
    done = checkout("refunds", "create", bought, "--item", item)
    assert (done.exit_code, "is not SKU=N" in done.stderr) == (2, True)


def test_weights_and_limits_stand_in_the_catalogue(checkout: Command, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "c.csv"

    def load(*lines: str) -> None:
        file.write_text("\n".join((HEADER, *lines)), encoding="utf-8")
        good(checkout("catalog", "load", file))

    load("1,1,a,1.00,5,true,250,2", "2,1,b,1.00,5,true,,")
    first, second = row(engine, "skus", id="1"), row(engine, "skus", id="2")
    assert (first.weight_g, first.limit_per_user, first.limit_epoch) == (250, 2, 1)
    assert (second.weight_g, second.limit_per_user, second.limit_epoch) == (0, None, 0)
    load("1,1,a,2.00,5,true,,", "2,1,b,1.00,5,true,100,3")
    first, second = row(engine, "skus", id="1"), row(engine, "skus", id="2")
    assert (first.price_fen, first.weight_g, first.limit_per_user, first.limit_epoch) == (200, 250, 2, 1)
    assert (second.weight_g, second.limit_per_user, second.limit_epoch) == (100, 3, 1)
    load("1,1,a,2.00,5,true,,0")
    assert row(engine, "skus", id="1").limit_per_user is None
    file.write_text(f"{HEADER}\n1,1,a,2.00,5,true,-1,\n", encoding="utf-8")
    assert refused(checkout("catalog", "load", file)) == "line 2: weight_g: Expected `int` >= 0"
