"""The audit tells the truth while orders are placed, paid, cancelled and refunded."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

from checkout import db
from checkout.audit import invariants
from checkout.db import Engine, reading, transaction
from checkout.orders import closing, shipping
from checkout.payments import refunds
from tests.shared.factories import a_sku, an_attempt, paid, placed

AUDITS = 4

_buyers = itertools.count(1000)


def _buy(engine: Engine) -> None:
    order_id = placed(engine, lines={"1": 1, "2": 2}, pay_method="cash")
    with transaction(engine) as connection:
        shipping.ship(connection, order_id)  # Or he would soon hold as many as a user may.


def _cancel(engine: Engine) -> None:
    # What is cancelled counts against its buyer's cap until its attempt is closed, so each has another buyer.
    order_id = an_attempt(engine, placed(engine, user_id=next(_buyers), lines={"2": 1})).order_id
    with transaction(engine) as connection:
        closing.cancel(connection, order_id, None)


def _refund(engine: Engine) -> None:
    order_id = paid(engine, lines={"1": 3})
    with transaction(engine) as connection:
        refunds.create(connection, order_id, 100, "", "key")


def test_work_going_on_is_no_breach(engine: Engine, database_url: str) -> None:
    a_sku(engine, "1", stock=100_000)
    a_sku(engine, "2", stock=100_000)
    enough, faults, rounds = threading.Event(), list[BaseException](), list[str]()

    def work(step: Callable[[Engine], None]) -> None:
        try:
            while not enough.is_set():
                step(engine)
                rounds.append(step.__name__)
        except BaseException as error:
            faults.append(error)
            raise

    threads = [threading.Thread(target=work, args=(step,)) for step in (_buy, _cancel, _refund)]
    for thread in threads:
        thread.start()
    auditor = db.connect(database_url, by_index=False)
    try:
        for _ in range(AUDITS):
            with reading(auditor) as connection:
                assert [finding for finding in invariants.run(connection) if not finding.ok] == []
    finally:
        enough.set()
        for thread in threads:
            thread.join(30)
        auditor.dispose()
    assert faults == []
    assert {"_buy", "_cancel", "_refund"} <= set(rounds)
