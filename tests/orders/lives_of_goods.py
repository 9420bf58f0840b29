"""The same shop, in which goods leave in parcels and come back by line."""

from __future__ import annotations

from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from checkout.db import sql, transaction
from checkout.errors import NotShippable, RefundExceedsBought, RefundExceedsPaid
from checkout.orders import shipping
from checkout.payments import refunds
from checkout.payments.refund_lines import Units
from checkout.stock import units as stocks
from tests.orders.lives import Shop
from tests.orders.model import FREIGHT_FEN, PRICE_FEN, Back, Model
from tests.shared.factories import refund_ends

_keys = count(1)
_LINES = sql("""
    SELECT l.order_id, l.sku_id, CASE o.stock WHEN 'returned' THEN 0 ELSE l.shipped_quantity END AS shipped,
        l.restocked_quantity AS restocked, l.aside_quantity AS aside, l.refunding_quantity AS refunding,
        l.refunded_quantity AS refunded
    FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.user_id = :user_id
""")


class GoodsShop(Shop):
    """The rules draw what happens; the invariants compare after each step."""

    @rule(first=st.integers(1, 3), second=st.integers(0, 2))
    def somebody_buys(self, first: int, second: int) -> None:
        """What takes many draws otherwise: an order that is paid."""
        model = self.place({self.skus[0]: first} | ({self.skus[1]: second} if second else {}))
        if model.status == "awaiting_payment":
            self.offer(model, "page")
            self.money_comes(model, 0)

    @rule(count=st.integers(3, 8))
    def much_is_restocked(self, count: int) -> None:
        for sku_id in self.skus:
            self.stock[sku_id] += count
            with transaction(self.engine) as connection:
                stocks.add(connection, sku_id, count)

    @rule(data=st.data(), first=st.integers(0, 3), second=st.integers(0, 2))
    def send_a_parcel(self, data: st.DataObject, first: int, second: int) -> None:
        units = {sku_id: n for sku_id, n in zip(self.skus, (first, second), strict=True) if n}
        if units:
            self.send(self.pick(data, "awaiting_shipment", "shipped", "completed"), units)

    def send(self, model: Model, units: dict[str, int]) -> None:
        fits = all(sku_id in model.goods and model.goods[sku_id].free >= n for sku_id, n in units.items())
        try:
            with transaction(self.engine) as connection:
                shipping.send(connection, model.id, units, shipping.UNTOLD)
        except NotShippable:
            assert not fits or not model.is_shippable
            return
        assert fits
        assert model.is_shippable
        for sku_id, n in units.items():
            model.goods[sku_id].shipped += n
        model.goods_move()

    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        model = self.pick(data, "shipped")
        if model.status != "shipped":
            return
        with transaction(self.engine) as connection:
            shipping.complete(connection, model.id, self.number)
        model.status = "completed"

    @precondition(lambda self: any(model.kept for model in self.orders))
    @rule(
        data=st.data(),
        units=st.tuples(st.integers(0, 2), st.integers(0, 2)),
        freight=st.sampled_from([False, False, True]),
        restock=st.booleans(),
    )
    def operator_refunds_by_line(
        self, data: st.DataObject, units: tuple[int, int], freight: bool, restock: bool
    ) -> None:
        living = [model for model in self.orders if model.kept and model.status != "closed"]
        found = living or [model for model in self.orders if model.kept]
        model = data.draw(st.sampled_from(found), "order")
        by_sku = {sku_id: n for sku_id, n in zip(self.skus, units, strict=True) if n}
        if by_sku or freight:
            self.refund_by_line(model, by_sku, freight=freight, restock=restock)

    def refund_by_line(self, model: Model, by_sku: dict[str, int], *, freight: bool, restock: bool) -> None:
        kept = model.kept
        assert kept is not None
        fits = all(sku_id in model.goods and _left(model, sku_id) >= n for sku_id, n in by_sku.items())
        fits = fits and not (freight and model.freight_refunded)
        lines = {sku_id: _planned(model, sku_id, n, restock=restock) for sku_id, n in by_sku.items()} if fits else {}
        fen = sum(line[3] for line in lines.values()) + FREIGHT_FEN * freight
        try:
            with transaction(self.engine) as connection:
                units = Units(by_sku, freight, restock)
                made, _ = refunds.create(connection, model.id, units, "", f"line-{next(_keys)}")
        except RefundExceedsBought:
            assert not fits
        except RefundExceedsPaid:
            assert fits
            assert fen > kept.paid_fen - kept.returned_fen
        else:
            assert fits
            assert made.amount_fen == fen
            kept.returned_fen += fen
            model.freight_refunded |= freight
            self._set_aside(model, Back(made.id, fen, lines))

    def _set_aside(self, model: Model, back: Back) -> None:
        for sku_id, (n, aside, _, fen) in back.lines.items():
            goods = model.goods[sku_id]
            goods.refunding += n
            goods.aside += aside
            goods.refunds.append(fen)
        model.pending.append(back)
        if back.lines:
            model.goods_move()

    @precondition(lambda self: any(model.pending for model in self.orders))
    @rule(data=st.data(), succeeded=st.booleans())
    def alipay_answers_a_refund(self, data: st.DataObject, succeeded: bool) -> None:
        model = data.draw(st.sampled_from([model for model in self.orders if model.pending]), "order")
        self.answer(model, model.pending[0], succeeded=succeeded)

    def answer(self, model: Model, back: Back, *, succeeded: bool) -> None:
        with transaction(self.engine) as connection:
            made = refunds.find(connection, back.id, None)
        refund_ends(self.engine, made, "succeeded" if succeeded else "failed")
        model.pending.remove(back)
        for sku_id, (n, aside, restocked, fen) in back.lines.items():
            goods = model.goods[sku_id]
            goods.refunding -= n
            goods.aside -= aside
            if succeeded:
                goods.refunded, goods.returned, goods.restocked = (
                    goods.refunded + n,
                    goods.returned + aside,
                    goods.restocked + restocked,
                )
            else:
                goods.refunds.remove(fen)
        if succeeded:
            self._moved(model)
            return
        kept = model.kept
        assert kept is not None
        kept.returned_fen -= back.fen
        model.freight_refunded &= back.fen == sum(line[3] for line in back.lines.values())

    def _moved(self, model: Model) -> None:
        with transaction(self.engine) as connection:
            [moved] = connection.execute(
                sql("SELECT refunded_fen FROM payments WHERE order_id = :id AND kept"), {"id": model.id}
            ).scalars()
        kept = model.kept
        assert kept is not None
        if moved == kept.paid_fen and model.status in ("awaiting_shipment", "shipped", "completed"):
            model.status, model.reason = "closed", "refunded"
            model.begin_to_close()
        model.goods_move()

    def the_lines_hold(self) -> None:
        """Each line says of its units what the model says."""
        with transaction(self.engine) as connection:
            stored = {(row.order_id, row.sku_id): row for row in connection.execute(_LINES, {"user_id": self.number})}
        for model in self.orders:
            for sku_id, goods in model.goods.items():
                if (row := stored.get((model.id, sku_id))) is not None:
                    found = (row.shipped, row.restocked, row.aside, row.refunding, row.refunded)
                    expected = (goods.shipped, goods.restocked, goods.aside, goods.refunding, goods.refunded)
                    assert found == expected, (model, sku_id)

    def teardown(self) -> None:
        self.the_lines_hold()


def _left(model: Model, sku_id: str) -> int:
    goods = model.goods[sku_id]
    return goods.bought - goods.refunding - goods.refunded


def _planned(model: Model, sku_id: str, n: int, *, restock: bool) -> tuple[int, int, int, int]:
    """Units, those set aside, those that come back, and fen. Without a discount every unit costs the same."""
    goods = model.goods[sku_id]
    aside = min(n, goods.free) if model.holds else 0
    return n, aside, n - aside if restock else 0, n * PRICE_FEN
