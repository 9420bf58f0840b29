"""Thousands of steps in which goods are bought, sent, paid back and limited, compared with the model after each.

CHECKOUT_GOODS_SEED plays a run again, CHECKOUT_GOODS_STEPS makes it longer.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest

from checkout.db import Engine, transaction
from checkout.orders import shipping
from tests.orders.lives_of_goods import GoodsShop
from tests.orders.model import Model
from tests.orders.test_state_machine import assert_clean
from tests.shared.factories import rows

SEED = int(os.environ.get("CHECKOUT_GOODS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
STEPS = int(os.environ.get("CHECKOUT_GOODS_STEPS", "1500"))
STEPS_A_SHOP = 60


class Driver:
    """One shop, and dice that say what happens in it next."""

    def __init__(self, dice: random.Random, done: Counter[str]) -> None:
        self.dice, self.done, self.shop = dice, done, GoodsShop()

    def step(self) -> None:
        act = self.dice.choices(list(_ACTS), list(_ACTS.values()))[0]
        if act(self):
            self.done[act.__name__] += 1
        self.shop.the_model_holds()
        self.shop.the_lines_hold()

    def one_of(self, fits: Callable[[Model], bool]) -> Model | None:
        found = [model for model in self.shop.orders if fits(model)]
        return self.dice.choice(found) if found else None

    def some(self, most: int) -> dict[str, int]:
        units = {sku_id: self.dice.randint(0, most) for sku_id in self.shop.skus}
        return {sku_id: n for sku_id, n in units.items() if n}

    def buys(self) -> bool:
        self.shop.somebody_buys(self.dice.randint(1, 4), self.dice.randint(0, 3))
        return True

    def orders(self) -> bool:
        if lines := self.some(3):
            model = self.shop.place(lines)
            self.shop.offer(model, "page")
        return bool(lines)

    def restocks(self) -> bool:
        self.shop.much_is_restocked(self.dice.randint(2, 6))
        return True

    def sends(self) -> bool:
        model = self.one_of(lambda one: one.status in ("awaiting_shipment", "shipped", "completed"))
        units = self.some(3)
        if model and units:
            self.shop.send(model, units)
        return bool(model and units)

    def sends_all(self) -> bool:
        model = self.one_of(lambda one: one.status == "awaiting_shipment" and one.is_shippable)
        if model:
            self.shop.send(model, {sku_id: goods.free for sku_id, goods in model.goods.items() if goods.free})
        return model is not None

    def pays_lines_back(self) -> bool:
        model = self.one_of(lambda one: one.kept is not None and one.status != "closed")
        units, freight = self.some(2), self.dice.random() < 0.2
        if model and (units or freight):
            self.shop.refund_by_line(model, units, freight=freight, restock=self.dice.random() < 0.5)
        return bool(model and (units or freight))

    def hears_of_a_refund(self) -> bool:
        if model := self.one_of(lambda one: bool(one.pending)):
            self.shop.answer(model, self.dice.choice(model.pending), succeeded=self.dice.random() < 0.7)
        return model is not None

    def pays_an_amount_back(self) -> bool:
        if model := self.one_of(lambda one: one.kept is not None):
            self.shop.refund(model, self.dice.randint(1, model.total_fen), f"{self.dice.random()}")
        return model is not None

    def pays_back_in_the_console(self) -> bool:
        if model := self.one_of(lambda one: one.kept is not None and not one.kept.returned_fen):
            self.shop.refund_outside(model)
        return model is not None

    def completes(self) -> bool:
        if model := self.one_of(lambda one: one.status == "shipped"):
            with transaction(self.shop.engine) as connection:
                shipping.complete(connection, model.id, self.shop.number)
            model.status = "completed"
        return model is not None

    def expires(self) -> bool:
        if model := self.one_of(lambda one: one.status == "awaiting_payment"):
            self.shop.expire(model)
            for place, attempt in enumerate(model.attempts):
                if attempt.method and not attempt.trade:
                    self.shop.trade_closes(model, place)
        return model is not None

    def cancels(self) -> bool:
        if model := self.one_of(lambda one: one.status == "awaiting_payment"):
            self.shop.cancel(model)
        return model is not None

    def pays_late(self) -> bool:
        model = self.one_of(lambda one: one.reason == "expired" and one.attempts[0].trade == "closed")
        if model:
            self.shop.money_comes(model, 0)
        return model is not None


_ACTS: dict[Callable[[Driver], bool], int] = {
    Driver.buys: 8,
    Driver.orders: 4,
    Driver.restocks: 3,
    Driver.sends: 8,
    Driver.sends_all: 3,
    Driver.pays_lines_back: 10,
    Driver.hears_of_a_refund: 10,
    Driver.pays_an_amount_back: 1,
    Driver.pays_back_in_the_console: 1,
    Driver.completes: 2,
    Driver.expires: 3,
    Driver.cancels: 2,
    Driver.pays_late: 3,
}


@pytest.mark.timeout(120 + STEPS)
def test_goods_and_their_money_agree_with_the_model_after_every_step(engine: Engine) -> None:
    print(f"CHECKOUT_GOODS_SEED={SEED} plays this again")  # noqa: T201 - pytest shows it when the test fails
    GoodsShop.engine = engine
    dice, done = random.Random(SEED), Counter[str]()
    for _ in range(max(1, STEPS // STEPS_A_SHOP)):
        driver = Driver(dice, done)
        for _ in range(STEPS_A_SHOP):
            driver.step()
        assert_clean(engine)
    print(dict(done))  # noqa: T201 - as above
    if STEPS >= 1000:  # So many steps meet everything.
        assert set(done) == {act.__name__ for act in _ACTS}
        statuses = {refund.status for refund in rows(engine, "refunds") if refund.source == "operator"}
        assert statuses == {"requested", "succeeded", "failed"}
        assert any(row.restocked_quantity for row in rows(engine, "order_lines"))
        assert any(row.returned_quantity for row in rows(engine, "order_lines"))
        assert "limit_exceeded" in {order.reason for order in rows(engine, "orders")}
