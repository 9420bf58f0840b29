"""What the shop decided about prices, and what a basket costs by it."""

from __future__ import annotations

from dataclasses import dataclass

from checkout.prices import freight, function
from checkout.prices.basket import Basket, Totals
from checkout.prices.freight import Rules
from checkout.prices.function import Function, PricingFailed
from checkout.settings import Settings


@dataclass(frozen=True)
class Policy:
    """A flat freight, or rules by region and weight; and a function of the shop's own."""

    freight_fen: int
    free_freight_from_fen: int = 0
    rules: Rules | None = None
    function: Function | None = None

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """Raises SettingsError for what cannot be read or imported."""
        return cls(
            settings.freight_fen,
            settings.free_freight_from_fen,
            freight.load(settings.freight_rules) if settings.freight_rules else None,
            function.load(settings.pricing) if settings.pricing else None,
        )

    @property
    def is_plain(self) -> bool:
        """Whether the goods' amount alone decides."""
        return self.rules is None and self.function is None

    def plain(self, goods_fen: int) -> Totals:
        """What goods of that amount cost with the flat freight."""
        is_free = 0 < self.free_freight_from_fen <= goods_fen
        freight_fen = 0 if is_free else self.freight_fen
        return Totals(goods_fen, 0, freight_fen, goods_fen + freight_fen)

    def delivers_to(self, region: str) -> bool:
        """Whether anything is sent there."""
        return self.rules is None or self.rules.find(region) is not None

    def totals(self, basket: Basket) -> Totals:
        """What the basket costs. Raises PricingFailed."""
        goods_fen = sum(line.amount_fen for line in basket.lines)
        answer = function.call(self.function, basket) if self.function else function.Answer((), None)
        freight_fen = answer.freight_fen
        if freight_fen is None:
            freight_fen = self._freight(basket, goods_fen - sum(answer.discounts))
        totals = Totals.of(goods_fen, freight_fen, answer.discounts)
        if totals.total_fen < 1:
            raise PricingFailed("the pricing function leaves nothing to pay")
        return totals

    def _freight(self, basket: Basket, goods_fen: int) -> int:
        """An order that was taken before its region was struck off pays the flat freight."""
        rule = self.rules.find(basket.region) if self.rules else None
        if rule is None:
            return self.plain(goods_fen).freight_fen
        return rule.fen(sum(line.weight_g * line.quantity for line in basket.lines), goods_fen)
