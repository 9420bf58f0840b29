"""A bill is asked for when it can be there, fetched once, and kept as it came."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from checkout.alipay import bill
from checkout.alipay.bill import BillRefused, NotReady
from checkout.alipay.client import Done
from checkout.db import sql, transaction
from checkout.errors import Unavailable
from checkout.reconciliation import bills, comparison, rows
from checkout.reconciliation.bills import Bill
from checkout.resources import Resources
from tests.reconciliation.papers import packed, row, trades
from tests.reconciliation.shop import Shop
from tests.shared import factories


def kept(shop: Shop, table: str = "bills") -> list[Any]:
    return factories.rows(shop.engine, table)


def paid_two_days_ago(shop: Shop, number: str) -> date:
    """A stranger's payment on a day that is over."""
    shop.gateway.skew(-2 * 86400)
    shop.paid_by_a_stranger(number)
    shop.gateway.skew(0)
    return shop.today - timedelta(days=2)


@pytest.fixture
def past_day(shop: Shop) -> date:
    return paid_two_days_ago(shop, "EARLY")


def test_a_day_without_business_is_empty(shop: Shop) -> None:
    report = comparison.run(shop.resources, shop.today - timedelta(days=3))
    assert (report.is_clean, report.theirs.payments) == (True, 0)
    assert [one.lines for one in kept(shop)] == [0]


@pytest.mark.parametrize("code", ["BILL_NOT_EXIST", "NO_BILL_DATA"])
def test_a_refusal_means_an_empty_day_once_the_day_is_over(shop: Shop, code: str) -> None:
    shop.gateway.switch(empty_bill=code)
    assert comparison.run(shop.resources, shop.today - timedelta(days=3)).is_clean
    with pytest.raises(NotReady):
        shop.reconcile(shop.today)
    assert len(kept(shop)) == 1


def test_a_bill_that_is_not_ready_is_for_later(shop: Shop) -> None:
    with pytest.raises(NotReady, match="BILL_NOT_EXIST"):
        comparison.run(shop.resources, shop.today)
    assert kept(shop) == []


@pytest.mark.parametrize("fault", ["call_limited", "system_error_not_executed", "bad_gateway"])
def test_a_limit_or_no_answer_is_for_later(shop: Shop, fault: str) -> None:
    shop.gateway.fault(fault, times=1)
    with pytest.raises(NotReady):
        comparison.run(shop.resources, shop.yesterday)
    assert kept(shop) == []


def test_a_refusal_for_good_says_so(shop: Shop) -> None:
    stranger = Resources(replace(shop.resources.settings, alipay_app_id="2021000000000000"))
    with pytest.raises(BillRefused, match="invalid-app-id"):
        comparison.run(stranger, shop.yesterday)
    stranger.close()


def test_the_archive_is_kept_as_it_came_and_used_again(shop: Shop, past_day: date) -> None:
    assert comparison.run(shop.resources, past_day).theirs.payments == 1
    archive = io.BytesIO(b"".join(piece.bytes for piece in kept(shop, "bill_archives")))
    assert [line.out_trade_no for line in rows.lines(archive)] == ["EARLY"]
    paid_two_days_ago(shop, "AFTERWARDS")
    assert comparison.run(shop.resources, past_day).theirs.payments == 1
    assert comparison.run(shop.resources, past_day, fetch_again=True).theirs.payments == 2


def test_a_bill_whose_reading_broke_off_is_read_to_its_end(shop: Shop, past_day: date) -> None:
    comparison.run(shop.resources, past_day)
    with transaction(shop.engine) as connection:
        connection.execute(sql("UPDATE bills SET lines = NULL"))
        connection.execute(sql("DELETE FROM bill_lines"))
    paid_two_days_ago(shop, "AFTERWARDS")
    assert comparison.run(shop.resources, past_day).theirs.payments == 1
    assert [one.lines for one in kept(shop)] == [1]


def test_a_bill_that_was_fetched_again_meanwhile_is_not_mixed_with_the_older(shop: Shop) -> None:
    now = datetime.now(UTC)
    older = Bill(shop.yesterday, now, None)
    newer = Bill(shop.yesterday, now + timedelta(seconds=1), None)
    bills.keep(shop.engine, older, packed(trades([row("A1", "1.00"), row("A2", "1.00")])))
    bills.keep(shop.engine, newer, packed(trades([row("A2", "1.00")])))
    with pytest.raises(Unavailable):
        bills.read(shop.engine, older)
    bills.read(shop.engine, newer)
    assert [line.out_trade_no for line in kept(shop, "bill_lines")] == ["A2"]


def test_the_bill_of_a_day_that_is_not_over_is_fetched_again(shop: Shop) -> None:
    shop.paid()
    assert shop.reconcile(shop.today).theirs.payments == 1
    shop.paid()
    assert shop.reconcile(shop.today).theirs.payments == 2


def test_an_address_that_has_died_is_for_later(shop: Shop, past_day: date) -> None:
    answer = shop.resources.alipay.bill_url(past_day)
    assert isinstance(answer, Done)
    shop.gateway.skew(31)
    with pytest.raises(NotReady, match="404"):
        bill.download(answer.fields["bill_download_url"])


@pytest.mark.parametrize(("name", "limit"), [("LARGEST_ARCHIVE_BYTES", 100), ("DOWNLOAD_SECONDS", 0)])
def test_a_download_has_an_end(
    shop: Shop, past_day: date, monkeypatch: pytest.MonkeyPatch, name: str, limit: int
) -> None:
    monkeypatch.setattr(bill, name, limit)
    with pytest.raises(NotReady, match="no end"):
        comparison.run(shop.resources, past_day)
    assert kept(shop) == []


@contextmanager
def serving(body: bytes, length: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def test_a_download_that_breaks_off_is_for_later() -> None:
    with serving(b"PK", 100) as url, pytest.raises(NotReady, match="broke off"):
        bill.download(url)
