"""Buyers at their worst moments and operators at theirs, all through the shop's HTTP API and Alipay's cashier.

What buyer n does depends on the seed and n alone; how it meets the workers does not.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from tests.payments.shop import Shop
from tests.shared.client import an_order_body
from tests.shared.factories import OPEN_ID, time_passes

SKUS = 12
METHODS = ("page", "wap", "app", "qr", "order_code", "mini")
GIVEN = ("pay_url", "order_string", "qr_code", "trade_no")
Way = dict[str, str]
Act = Callable[[], None]


class Buyer:
    def __init__(self, shop: Shop, seed: int, n: int) -> None:
        self.shop, self.n = shop, n
        self.dice = random.Random(f"{seed}:{n}")
        self.user = n // 4 + 1
        self.order: dict[str, Any] = {}

    def live(self) -> str:
        """A whole story; its name, when it came to more than a rejection."""
        if not self._order():
            return "rejected"
        story = self.dice.choices(list(_STORIES), [weight for weight, _ in _STORIES.values()])[0]
        _STORIES[story][1](self)
        return story

    @property
    def path(self) -> str:
        return f"/v1/orders/{self.order['id']}"

    # At the shop.

    def _order(self) -> bool:
        skus = self.dice.sample(range(SKUS), self.dice.choice((1, 1, 2)))
        items = [{"sku_id": str(sku), "quantity": self.dice.choice((1, 1, 2))} for sku in skus]
        pay_method = "cash" if self.dice.random() < 0.03 else "alipay"
        body = an_order_body(items=items, pay_method=pay_method)
        answer = self.shop.call("POST", "/v1/orders", body, user=self.user, key=f"order-{self.n}")
        if answer.status == 409:
            assert answer.json()["code"] == "out_of_stock"
            return False
        assert answer.status == 202, answer.data
        self.order = answer.json()
        self._look(until=lambda order: order["status"] != "accepted", seconds=30)
        if self.order["status"] == "awaiting_shipment":
            self._at_once(self.dice.sample((self._parcel(), self.cancel), self.dice.choice((1, 2))))
        return bool(self.order["status"] == "awaiting_payment")

    def _look(self, until: Callable[[dict[str, Any]], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not until(self.order):
            if time.monotonic() > deadline:
                return False
            self.order = self.shop.call("GET", self.path, user=self.user).json()
            time.sleep(0.05)
        return True

    def ask_to_pay(self, method: str | None = None) -> Way | None:
        """What the shop gives to pay with; None: too late, or no code to be had."""
        for _ in range(4):
            body: dict[str, Any] = {"method": method or self.dice.choice(METHODS)}
            if body["method"] == "mini":
                body["buyer_open_id"] = OPEN_ID
            elif body["method"] in ("page", "wap", "app") and self.dice.random() < 0.2:
                body["installments"] = self.dice.choice((3, 6, 12))
            answer = self.shop.call("POST", f"{self.path}/payments", body, user=self.user)
            if answer.status == 201:
                return {name: value for name, value in answer.json().items() if name in GIVEN}
            assert answer.status in (409, 503), answer.data
            if answer.status == 409:
                return None
        return None

    def cancel(self) -> None:
        assert self.shop.call("POST", f"{self.path}/cancel", user=self.user).status in (200, 409)

    # At Alipay, where much may be refused.

    def pay(self, way: Way | None) -> None:
        self._at_alipay("pay", way)

    def log_in(self, way: Way | None) -> None:
        self._at_alipay("login", way)

    def _at_alipay(self, step: str, way: Way | None) -> None:
        if way:
            answer = self.shop.gateway.ask("POST", step, dict(way))
            assert answer.status in (200, 404, 409), answer.data

    def wait_until(self, seconds_after_pay_before: float) -> None:
        pay_before = datetime.fromisoformat(self.order["pay_before"])
        time.sleep(max(0.0, (pay_before - datetime.now(UTC)).total_seconds() + seconds_after_pay_before))

    # The stories.

    def nothing(self) -> None:
        """Orders and goes away."""

    def looks(self) -> None:
        """Stands at the cashier, logs in perhaps, and leaves."""
        way = self.ask_to_pay()
        if self.dice.random() < 0.6:
            self.log_in(way)

    def pays(self) -> None:
        way = self.ask_to_pay()
        time.sleep(self.dice.uniform(0, 0.5))
        self.pay(way)
        self._operators()

    def pays_at_the_last_moment(self) -> None:
        way = self.ask_to_pay()
        if self.dice.random() < 0.7:
            self.log_in(way)
        self.wait_until(self.dice.uniform(-0.8, 0.8))
        self.pay(way)
        self._operators()

    def pays_twice(self) -> None:
        methods = self.dice.sample(METHODS, 3)
        ways = [self.ask_to_pay(method) for method in methods]
        for way in ways:
            self.log_in(way)
        if self.dice.random() < 0.5:
            self.wait_until(self.dice.uniform(-0.8, 0.3))
        for way in ways:
            time.sleep(self.dice.uniform(0, 0.1))
            self.pay(way)
        self._operators()

    def pays_and_cancels(self) -> None:
        way = self.ask_to_pay()
        self.log_in(way)
        steps: list[Callable[[], None]] = [lambda: self.pay(way), self.cancel]
        self.dice.shuffle(steps)
        for step in steps:
            step()
            time.sleep(self.dice.choice((0.0, 0.0, 0.3, 1.0)))
        self._operators()

    def cancels_at_the_cashier(self) -> None:
        """Leaves a trade behind that waits for him, and that Alipay must be asked to close."""
        self.log_in(self.ask_to_pay(self.dice.choice(("page", "wap", "qr"))))
        self.cancel()

    def pays_an_order_given_up(self) -> None:
        """Alipay's clock seems half an hour behind ours: the order has expired here, and there it can be paid."""
        way = self.ask_to_pay(self.dice.choice(("page", "wap", "app")))
        if self.dice.random() < 0.3:
            self.log_in(way)
        time_passes(self.shop.engine, int(self.order["id"]), minutes=40)
        self._look(until=lambda order: order["status"] == "closed", seconds=1.5)
        self.pay(way)
        self._operators()

    # What operators do with what was paid. Each draws what it will do, and then it is done.

    def _operators(self) -> None:
        if not self._look(until=lambda order: order["status"] == "awaiting_shipment", seconds=1.5):
            return
        plans = [
            *(self._ship, self._parcel, self._parcel, self._lines_back, self._lines_back),
            *(self._refund_some, self._refund_all, self._console, self._finish),
        ]
        acts = [plan() for plan in self.dice.sample(plans, self.dice.choice((0, 0, 1, 1, 2, 3, 4)))]
        if self.dice.random() < 0.3:
            self._at_once(acts)
        else:
            for act in acts:
                act()

    def _at_once(self, acts: Sequence[Act]) -> None:
        """Two operators, and somebody at Alipay's console, who do not know of each other."""
        if acts:
            with ThreadPoolExecutor(len(acts)) as pool:
                for done in [pool.submit(act) for act in acts]:
                    done.result(60)

    def _operate(self, step: str, body: Any = None) -> None:
        assert self.shop.call("POST", f"{self.path}/{step}", body, user=0).status in (200, 201, 202, 409, 422)

    def _operating(self, *steps: tuple[str, Any]) -> Act:
        def act() -> None:
            for step, body in steps:
                self._operate(step, body)

        return act

    def _ship(self) -> Act:
        return self._operating(("ship", None), *[("complete", None)] * (self.dice.random() < 0.5))

    def _some_items(self) -> list[dict[str, Any]]:
        items = [{"sku_id": item["sku_id"], "quantity": self.dice.choice((1, 1, 2))} for item in self.order["items"]]
        return self.dice.sample(items, self.dice.randint(1, len(items)))

    def _parcel(self) -> Act:
        label = {"carrier": "顺丰", "tracking_number": f"SF{self.n}"}
        rest = {} if self.dice.random() < 0.3 else {"items": self._some_items()}
        return self._operating(("shipments", label | rest))

    def _lines_back(self) -> Act:
        freight, restock = self.dice.random() < 0.2, self.dice.random() < 0.5
        body = {"items": self._some_items(), "freight": freight, "restock": restock, "reason": "line"}
        return self._operating(("refunds", body))

    def _refund_some(self) -> Act:
        amounts = [f"{self.dice.randint(1, 900) / 100:.2f}" for _ in range(self.dice.choice((1, 2, 3)))]
        return self._operating(*(("refunds", {"amount": amount, "reason": "part"}) for amount in amounts))

    def _refund_all(self) -> Act:
        return self._operating(("refunds", {"amount": self.order["total_amount"], "reason": "all"}))

    def _kept(self) -> str:
        answer = self.shop.call("GET", f"{self.path}/payments", user=self.user).json()
        return next((str(one["out_trade_no"]) for one in answer["payments"] if one["kept"]), "")

    def _console(self) -> Act:
        part = {"amount": f"{self.dice.randint(1, 900) / 100:.2f}"} if self.dice.random() < 0.6 else {}
        return lambda: self._at_alipay("refund", {"out_trade_no": self._kept()} | part)

    def _finish(self) -> Act:
        if self.dice.random() < 0.3:
            return lambda: self._at_alipay("finish", {"out_trade_no": self._kept()})
        return lambda: None


_STORIES: dict[str, tuple[int, Callable[[Buyer], None]]] = {
    "nothing": (5, Buyer.nothing),
    "looks": (12, Buyer.looks),
    "pays": (25, Buyer.pays),
    "last_moment": (22, Buyer.pays_at_the_last_moment),
    "twice": (14, Buyer.pays_twice),
    "cancels": (12, Buyer.pays_and_cancels),
    "leaves": (8, Buyer.cancels_at_the_cashier),
    "given_up": (10, Buyer.pays_an_order_given_up),
}
