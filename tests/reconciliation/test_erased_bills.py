"""Stored bills name no buyer of an erased order; every other row is there byte for byte, and the sums are as before."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from checkout.alipay import bill
from checkout.db import sql, transaction
from checkout.erasure import orders as erasing
from checkout.erasure import wishes
from checkout.orders import shipping
from checkout.reconciliation import archive, blanking, rows
from tests.reconciliation.papers import COLUMNS, packed, row, trades
from tests.reconciliation.shop import Shop
from tests.shared import factories
from tests.shared.processes import eventually

BUYER = "王*明(138******00)"


def text_of(file: Any) -> str:
    with zipfile.ZipFile(file, metadata_encoding="gb18030") as packed_again:
        return "".join(packed_again.read(name).decode("gb18030") for name in packed_again.namelist())


def rewritten(file: Any, *numbers: str) -> io.BytesIO:
    after = io.BytesIO()
    archive.rewrite(file, after, lambda listed: rows.without_texts(listed, set(numbers)))
    return after


def test_only_the_rows_that_are_named_lose_their_texts() -> None:
    mine, other = row("A1", "1.00", buyer=BUYER, remark="给王小明"), row("B2", "2.00", buyer="李*雷", remark="r")
    before = packed(trades([mine, other]))
    found = list(rows.lines(before))
    after = rewritten(before, "A1")
    assert list(rows.lines(after)) == found
    text = text_of(after)
    assert BUYER not in text
    assert "王小明" not in text
    assert other in text
    assert "2026112222001A1" in text
    untouched = text_of(before).split(mine)
    assert all(part in text for part in untouched)


def test_what_is_not_named_stays_byte_for_byte() -> None:
    before = packed(trades([row("A1", "1.00"), row("B2", "2.00")]), trades([row("C3", "3.00")]))
    after = rewritten(before, "D4")
    with zipfile.ZipFile(before) as one, zipfile.ZipFile(after) as other:
        assert [one.read(name) for name in one.infolist()] == [other.read(name) for name in other.infolist()]


@pytest.mark.parametrize("remark", ["给王小明,谢谢", "a,1.00,,b", "第一行\r\n给王小明", "x\n王小明,\ny"])
def test_texts_with_commas_and_line_feeds_go_too(remark: str) -> None:
    before = packed(trades([row("A1", "1.00", remark=remark, buyer=BUYER), row("B2", "2.00", remark=remark)]))
    found = list(rows.lines(before))
    text = text_of(rewritten(before, "A1"))
    assert BUYER not in text
    assert text.count(remark) == 1
    assert list(rows.lines(rewritten(before, "A1"))) == found


def test_a_row_that_can_be_read_in_two_ways_loses_all_behind_its_first_text() -> None:
    odd = row("A1", "1.00", shop="x,2.00", buyer=BUYER, name="茶壶,1.00,2.00")
    text = text_of(rewritten(packed(trades([odd, row("B2", "2.00")])), "A1"))
    assert BUYER not in text
    assert "茶壶" not in text
    assert "2026112222001A1" in text


def test_bytes_that_are_no_gb18030_come_out_as_they_went_in() -> None:
    content = (
        trades([row("A1", "1.00"), row("B2", "2.00", remark="坏")])
        .encode("gb18030")
        .replace("坏".encode("gb18030"), b"\xff\xfe")
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("list.csv", content)
    with zipfile.ZipFile(rewritten(file, "A1")) as after:
        assert b"\xff\xfe" in after.read("list.csv")
    with zipfile.ZipFile(rewritten(file, "D4")) as after:
        assert after.read("list.csv") == content


def stored(shop: Shop, day: date) -> str:
    with transaction(shop.engine) as connection:
        pieces = connection.execute(
            sql("SELECT bytes FROM bill_archives WHERE day = :day ORDER BY piece"), {"day": day}
        )
        return text_of(io.BytesIO(b"".join(bytes(one.bytes) for one in pieces)))


def ended(shop: Shop) -> Any:
    payment = shop.paid()
    factories.shipped(shop.engine, payment.order_id)
    with transaction(shop.engine) as connection:
        shipping.complete(connection, payment.order_id, None)
    return payment


def erase(shop: Shop) -> int:
    with transaction(shop.engine) as connection:
        wishes.store(connection, 1)
    for _ in erasing.run(shop.engine, 0):
        pass
    return blanked(shop)


def blanked(shop: Shop) -> int:
    """The worker's step; returns how many bills were written anew."""
    planned(shop)
    with blanking.lease(shop.engine) as lease:
        assert lease
        return sum(blanking.blank(shop.engine, day, lease) for day in blanking.days(shop.engine))


def planned(shop: Shop) -> None:
    for bill_of_day in blanking.unplanned(shop.engine):
        blanking.plan_bill(shop.engine, bill_of_day)


def buyer_of(text: str, number: str) -> str:
    [line] = [line for line in text.splitlines() if f"{number}\t," in line or f",{number}," in line]
    return line.split(",")[COLUMNS.split(",").index("对方账户")].strip()


def test_a_stored_bill_forgets_the_buyer_of_an_erased_order(shop: Shop) -> None:
    payment, other = ended(shop), shop.paid()
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE orders SET user_id = 2 WHERE id = :id"), {"id": other.order_id})
        connection.execute(sql("INSERT INTO users (id) VALUES (2) ON CONFLICT DO NOTHING"))
    assert shop.reconcile().is_clean
    assert buyer_of(stored(shop, shop.today), payment.out_trade_no)
    assert erase(shop) == 1
    text = stored(shop, shop.today)
    assert buyer_of(text, payment.out_trade_no) == ""
    assert buyer_of(text, other.out_trade_no) != ""
    assert factories.rows(shop.engine, "bill_erasures") == []
    assert blanked(shop) == 0


def test_a_bill_that_comes_after_the_erasure_forgets_him_as_well(shop: Shop) -> None:
    payment = ended(shop)
    erase(shop)
    for fetch_again in (False, True):
        assert shop.reconcile(fetch_again=fetch_again).is_clean
        assert buyer_of(stored(shop, shop.today), payment.out_trade_no)
        assert blanked(shop) == 1
        assert buyer_of(stored(shop, shop.today), payment.out_trade_no) == ""


def test_a_bill_that_was_fetched_again_meanwhile_is_blanked_in_the_next_round(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = ended(shop)
    shop.reconcile()
    rewrite = archive.rewrite

    def meanwhile(*arguments: Any) -> None:
        rewrite(*arguments)
        monkeypatch.setattr(archive, "rewrite", rewrite)
        assert shop.reconcile(fetch_again=True).is_clean

    monkeypatch.setattr(archive, "rewrite", meanwhile)
    assert erase(shop) == 0
    assert blanked(shop) == 1
    assert buyer_of(stored(shop, shop.today), payment.out_trade_no) == ""


def test_one_whose_lease_was_over_brings_nobody_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """He has read the bill before another wrote it, who took out others' buyers than he does."""
    monkeypatch.setattr(blanking, "NUMBERS_AT_ONCE", 1)
    first, second = ended(shop), ended(shop)
    shop.reconcile()
    planned(shop)
    with transaction(shop.engine) as connection:
        wishes.store(connection, 1)
    for _ in erasing.run(shop.engine, 0):
        pass
    rewrite, over = archive.rewrite, sql("UPDATE retention SET blanking_until = now() - interval '1 second'")
    both = sorted(one.out_trade_no for one in (first, second))
    put_off, due = (
        sql("DELETE FROM bill_erasures WHERE out_trade_no = :number"),
        sql("INSERT INTO bill_erasures (day, out_trade_no) VALUES (:day, :number)"),
    )

    def meanwhile(*arguments: Any) -> None:
        rewrite(*arguments)
        monkeypatch.setattr(archive, "rewrite", rewrite)
        with transaction(shop.engine) as connection:
            connection.execute(over)
            connection.execute(put_off, {"number": both[0]})
        assert blanked(shop) == 1  # The second one's.
        with transaction(shop.engine) as connection:
            connection.execute(due, {"day": shop.today, "number": both[0]})

    monkeypatch.setattr(archive, "rewrite", meanwhile)
    with blanking.lease(shop.engine) as lease:
        assert lease
        assert not blanking.blank(shop.engine, shop.today, lease)
    assert blanked(shop) == 1
    text = stored(shop, shop.today)
    assert [buyer_of(text, number) for number in both] == ["", ""]


def test_one_process_at_a_time_takes_buyers_out_of_bills(shop: Shop) -> None:
    with blanking.lease(shop.engine) as ours:
        assert ours
        for _ in range(2):
            with blanking.lease(shop.engine) as theirs:
                assert theirs is None
            with transaction(shop.engine) as connection:
                assert ours.renewed(connection)
    with blanking.lease(shop.engine) as ours:
        assert ours


def test_an_erasure_that_is_not_committed_yet_is_not_missed_by_who_plans_a_bill(shop: Shop) -> None:
    """It looked before the bill's lines were there; who plans waits for it."""
    payment, has_planned = ended(shop), threading.Event()
    with transaction(shop.engine) as connection:
        blanking.plan(connection, [payment.out_trade_no])
        connection.execute(
            sql("""
                UPDATE orders SET recipient = '', phone = '', detail = '', remark = '', metadata = NULL,
                    erased_at = now() WHERE id = :id
            """),
            {"id": payment.order_id},
        )
        shop.reconcile()

        def plan() -> None:
            planned(shop)
            has_planned.set()

        planning = threading.Thread(target=plan)
        planning.start()
        eventually(lambda: waits_at_the_barrier(shop) or has_planned.is_set(), "who plans waits")
        assert not has_planned.is_set()
    planning.join(100)
    assert [one.out_trade_no for one in factories.rows(shop.engine, "bill_erasures")] == [payment.out_trade_no]


def waits_at_the_barrier(shop: Shop) -> bool:
    with transaction(shop.engine) as connection:
        waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
        return bool(connection.execute(sql(waiting)).scalar_one())


def test_many_numbers_cost_each_row_no_more_than_one() -> None:
    """They are made one set, once."""
    made = 0

    class Counted(list[str]):
        def __iter__(self) -> Iterator[str]:
            nonlocal made
            made += 1
            return super().__iter__()

    before = packed(trades([row(f"A{number}", "1.00") for number in range(50)]))
    archive.rewrite(before, io.BytesIO(), lambda listed: rows.without_texts(listed, Counted(["A1", "A2"])))
    assert made == 1


@pytest.mark.parametrize("line", ["", " ", "x", "\t"])
def test_a_line_that_is_no_row_stays_as_it_is(line: str) -> None:
    mine, other = row("A1", "1.00", buyer=BUYER), row("B2", "2.00")
    before = packed(trades([line, mine, other]))
    text = text_of(rewritten(before, "A1"))
    assert BUYER not in text
    assert other in text


def test_a_large_bill_is_written_in_pieces(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = ended(shop)
    shop.reconcile()
    monkeypatch.setattr("checkout.reconciliation.bills.PIECE_BYTES", 100)
    monkeypatch.setattr(bill, "MEMORY_BYTES", 10)
    assert erase(shop) == 1
    assert len(factories.rows(shop.engine, "bill_archives")) > 1
    assert buyer_of(stored(shop, shop.today), payment.out_trade_no) == ""
