"""A little load: some buyers at a time who order, and pay at Alipay's cashier. A fault must not end them."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from typing import Any, Self

from urllib3.exceptions import HTTPError

from ops.demo.alipay import Browser
from ops.demo.shop import Buyer, Shop
from ops.demo.timeline import Missed

HOT, LAST, POISON = "hot", "last", "poison"
_BUYERS = 4
_PAUSE_SECONDS = 1.0
_METHODS = itertools.cycle(("page", "qr", "qr", None))


class Load:
    """Keeps each order that was answered 202, so that it can be asked for afterwards."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._buy, daemon=True) for _ in range(_BUYERS)]
        self.accepted: list[tuple[Buyer, str]] = []
        self.answers: Counter[int | str] = Counter()
        self.placed = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Nobody else comes."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def undecided(self) -> list[str]:
        """Accepted orders that are not there or still wait."""
        return [order_id for buyer, order_id in self.accepted if _status(buyer, order_id) in ("gone", "accepted")]

    def _buy(self) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            try:
                self._visit(self._shop.buyer())
            except (HTTPError, Missed) as error:
                self.answers[type(error).__name__] += 1

    def _visit(self, buyer: Buyer) -> None:
        answer = buyer.ask(HOT)
        self.answers[answer.status] += 1
        if answer.status != 202:
            return
        order_id = answer.json()["id"]
        self.accepted.append((buyer, order_id))
        buyer.decided(order_id)
        self.placed += 1
        if method := next(_METHODS):
            self._pay(buyer, order_id, method)

    def _pay(self, buyer: Buyer, order_id: str, method: str) -> None:
        payment = buyer.call("POST", f"/v1/orders/{order_id}/payments", {"method": method})
        if method == "page":
            pay(payment)


def pay(payment: dict[str, Any]) -> None:
    """Logs in at the cashier and pays. Raises Missed."""
    browser = Browser()
    browser.open(payment["pay_url"])
    browser.open(browser.press("login"))
    browser.press("pay")


def _status(buyer: Buyer, order_id: str) -> str:
    answer = buyer.send("GET", f"/v1/orders/{order_id}")
    return str(answer.json()["status"]) if answer.status == 200 else "gone"
