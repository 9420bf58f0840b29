"""A shop whose every step is compared with a simple model of stock and money."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from checkout.db import Engine, sql, transaction
from checkout.errors import CheckoutError, NotCancellable, NotPayable, NotShippable, RefundExceedsPaid
from checkout.orders import closing, shipping
from checkout.payments import refunds
from checkout.payments.offers import Asked, Way
from checkout.stock import units
from tests.orders.model import Attempt, Model
from tests.shared.factories import TERMS, a_sku, a_trade, an_order, offer, place_all, rows, time_passes, told

_examples = count(1)
LIMIT = 5


# A shop's SKUs belong to the SPU that is named like its one user.
_BOOKS = sql("""
    SELECT (SELECT json_object_agg(id, stock) FROM skus WHERE spu_id = buyer::text),
        (SELECT json_object_agg(id, json_build_array(status, reason)) FROM orders WHERE user_id = buyer),
        (SELECT json_object_agg(order_id || '-' || n, json_build_array(kept, paid_fen, refunded_fen + refunding_fen))
         FROM payments JOIN orders ON orders.id = order_id WHERE user_id = buyer),
        (SELECT open_orders FROM users WHERE id = buyer)
    FROM CAST(:user_id AS bigint) AS buyer
""")


class Shop(RuleBasedStateMachine):
    """The rules draw what happens; the invariant compares after each step."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.number = next(_examples)
        self.skus = [f"{self.number}-a", f"{self.number}-b"]
        self.stock = dict.fromkeys(self.skus, 6)
        for sku_id, limit in zip(self.skus, (0, LIMIT), strict=True):
            a_sku(self.engine, sku_id, stock=6, spu_id=f"{self.number}", limit=limit)
        self.orders: list[Model] = []

    def pick(self, data: st.DataObject, *statuses: str) -> Model:
        found = [model for model in self.orders if not statuses or model.status in statuses]
        return data.draw(st.sampled_from(found), "order") if found else self.place({self.skus[0]: 1})

    def place(self, lines: dict[str, int]) -> Model:
        order_id = an_order(self.engine, user_id=self.number, lines=lines)
        place_all(self.engine, [order_id])
        model = Model(order_id, lines, "rejected", "out_of_stock")
        unpaid = sum(m.holds and m.kept is None for m in self.orders)
        if unpaid >= TERMS.max_open_orders or not self.within_limit(lines):
            model.reason = "limit_exceeded"
        elif self.enough(lines):
            model.status, model.reason, model.attempts = "awaiting_payment", None, [Attempt()]
            self.take(model)
        self.orders.append(model)
        return model

    def enough(self, lines: dict[str, int]) -> bool:
        return all(self.left(sku_id) >= quantity for sku_id, quantity in lines.items())

    def left(self, sku_id: str) -> int:
        return self.stock[sku_id] - sum(m.units(sku_id) for m in self.orders)

    def within_limit(self, lines: dict[str, int]) -> bool:
        """One SKU has a limit from the beginning; this shop has one user."""
        limited = self.skus[1]
        return sum(m.units(limited) for m in self.orders) + lines.get(limited, 0) <= LIMIT or limited not in lines

    def take(self, model: Model) -> None:
        model.holds = True

    @rule(first=st.integers(0, 4), second=st.integers(0, 3))
    def order(self, first: int, second: int) -> None:
        quantities = zip(self.skus, (first, second), strict=True)
        if lines := {sku_id: quantity for sku_id, quantity in quantities if quantity}:
            self.place(lines)

    @rule(place=st.integers(0, 1), count=st.integers(1, 3))
    def restock(self, place: int, count: int) -> None:
        self.stock[self.skus[place]] += count
        with transaction(self.engine) as connection:
            units.add(connection, self.skus[place], count)

    @rule(data=st.data(), method=st.sampled_from(["page", "wap", "app"]))
    def buyer_asks_to_pay(self, data: st.DataObject, method: str) -> None:
        self.offer(self.pick(data), method)

    def offer(self, model: Model, method: str) -> None:
        try:
            with transaction(self.engine) as connection:
                offer(connection, Asked(model.id, self.number, Way(method)))
        except NotPayable:
            assert model.status != "awaiting_payment" or model.closing
            return
        assert model.status == "awaiting_payment"
        if any(attempt.method == method and not attempt.final for attempt in model.attempts):
            return
        unused = [attempt for attempt in model.attempts if attempt.method is None and not attempt.final]
        if not unused:
            model.attempts.append(Attempt())
        (unused or model.attempts)[-1].method = method

    def may_live_again(self, model: Model) -> bool:
        return self.enough(model.lines) and self.within_limit(model.lines)

    def tell(self, model: Model, place: int, status: str, **said: Any) -> None:
        payment = rows(self.engine, "payments", order_id=model.id)[place]
        told(self.engine, a_trade(payment, status, **said))

    def an_offered(self, data: st.DataObject, *trades: str) -> tuple[Model, int] | None:
        found = [
            (model, place)
            for model in self.orders
            for place, attempt in enumerate(model.attempts)
            if attempt.method and attempt.trade in trades
        ]
        return data.draw(st.sampled_from(found), "attempt") if found else None

    @rule(data=st.data())
    def pay(self, data: st.DataObject) -> None:
        """The buyer pays, in time or late."""
        if found := self.an_offered(data, "", "closed"):
            self.money_comes(*found)

    @precondition(lambda self: any(model.reason == "expired" for model in self.orders))
    @rule(data=st.data())
    def pay_late(self, data: st.DataObject) -> None:
        model = data.draw(st.sampled_from([model for model in self.orders if model.reason == "expired"]), "order")
        for place, attempt in enumerate(model.attempts):
            if attempt.method and attempt.trade != "paid":
                self.money_comes(model, place)

    @precondition(lambda self: any(len(model.attempts) > 1 for model in self.orders))
    @rule(data=st.data())
    def pay_every_attempt(self, data: st.DataObject) -> None:
        """The buyer has a page open for each, and pays on all of them."""
        model = data.draw(st.sampled_from([model for model in self.orders if len(model.attempts) > 1]), "order")
        for place, attempt in enumerate(model.attempts):
            if attempt.method and attempt.trade != "paid":
                self.money_comes(model, place)

    def money_comes(self, model: Model, place: int) -> None:
        attempt = model.attempts[place]
        attempt.trade, attempt.final, attempt.paid_fen = "paid", True, model.total_fen
        if model.status == "awaiting_payment":
            attempt.kept, model.status, model.closing = True, "awaiting_shipment", False
            for other in model.attempts:
                other.final |= other.method is None
        elif model.kept is None and model.reason == "expired" and not model.holds and self.may_live_again(model):
            attempt.kept, model.status, model.reason, model.closing = True, "awaiting_shipment", None, False
            self.take(model)
        else:
            attempt.returned_fen = attempt.paid_fen
        model.settle()
        self.tell(model, place, "TRADE_SUCCESS")

    @rule(data=st.data())
    def hear_again(self, data: st.DataObject) -> None:
        """Old news, doubled and out of order."""
        if (found := self.an_offered(data, "paid")) is not None:
            self.tell(*found, data.draw(st.sampled_from(["TRADE_SUCCESS", "TRADE_FINISHED", "WAIT_BUYER_PAY"])))

    @rule(data=st.data())
    def alipay_closes(self, data: st.DataObject) -> None:
        if found := self.an_offered(data, ""):
            self.trade_closes(*found)

    def trade_closes(self, model: Model, place: int) -> None:
        model.attempts[place].trade, model.attempts[place].final = "closed", True
        model.settle()
        self.tell(model, place, "TRADE_CLOSED")

    @rule(data=st.data())
    def time_is_over(self, data: st.DataObject) -> None:
        self.expire(self.pick(data, "awaiting_payment"))

    def expire(self, model: Model) -> None:
        time_passes(self.engine, model.id, minutes=40)
        with transaction(self.engine) as connection:
            closing.expire(connection, 1000)
        if model.status == "awaiting_payment" and not model.closing:
            model.begin_to_close()

    @rule(data=st.data())
    def buyer_cancels(self, data: st.DataObject) -> None:
        self.cancel(self.pick(data))

    def cancel(self, model: Model) -> None:
        try:
            with transaction(self.engine) as connection:
                closing.cancel(connection, model.id, self.number)
        except NotCancellable:
            assert model.status != "awaiting_payment"
            return
        if model.status == "awaiting_payment":
            model.status, model.reason = "closed", "cancelled"
            model.begin_to_close()
        assert model.reason == "cancelled"

    @rule(data=st.data())
    def ship(self, data: st.DataObject) -> None:
        model = self.pick(data, "awaiting_shipment")
        try:
            with transaction(self.engine) as connection:
                shipping.ship(connection, model.id)
        except NotShippable:
            assert not model.is_shippable
            return
        for goods in model.goods.values():
            goods.shipped += goods.free
        model.goods_move()

    @rule(data=st.data(), share=st.integers(1, 4))
    def operator_refunds(self, data: st.DataObject, share: int) -> None:
        """An operator asks for a part of what was paid, or for too much."""
        paid = [model for model in self.orders if model.kept]
        model = data.draw(st.sampled_from(paid), "order") if paid else self.pick(data)
        self.refund(model, model.total_fen * share // 3, f"{data.draw(st.uuids())}")

    def refund(self, model: Model, amount_fen: int, key: str) -> None:
        try:
            with transaction(self.engine) as connection:
                refunds.create(connection, model.id, amount_fen, "", key)
        except RefundExceedsPaid:
            assert model.kept is not None
            assert amount_fen > model.kept.paid_fen - model.kept.returned_fen
        except CheckoutError:
            assert model.kept is None
        else:
            assert model.kept is not None
            model.kept.returned_fen += amount_fen

    @precondition(lambda self: any(model.kept for model in self.orders))
    @rule(data=st.data())
    def refund_in_the_console(self, data: st.DataObject) -> None:
        """Somebody sends everything back in Alipay's own console; nothing of ours is under way."""
        found = [model for model in self.orders if model.kept and not model.kept.returned_fen]
        if found:
            self.refund_outside(data.draw(st.sampled_from(found), "order"))

    def refund_outside(self, model: Model) -> None:
        kept = model.kept
        assert kept is not None
        kept.returned_fen = kept.paid_fen
        model.status, model.reason = "closed", "refunded"
        model.begin_to_close()
        self.tell(model, model.attempts.index(kept), "TRADE_CLOSED")

    @invariant()
    def the_model_holds(self) -> None:
        with transaction(self.engine) as connection:
            stocks, stored, attempts, open_orders = connection.execute(_BOOKS, {"user_id": self.number}).one()
        assert stocks == {sku_id: self.left(sku_id) for sku_id in self.skus}
        assert stored == {str(model.id): [model.status, model.reason] for model in self.orders} or not self.orders
        known = {
            f"{model.id}-{n}": [attempt.kept, attempt.paid_fen, attempt.returned_fen]
            for model in self.orders
            for n, attempt in enumerate(model.attempts, 1)
        }
        assert (attempts or {}) == known
        assert (open_orders or 0) == sum(model.holds and model.kept is None for model in self.orders)
