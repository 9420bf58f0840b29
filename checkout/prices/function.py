"""The shop's own function of prices: `CHECKOUT_PRICING=package.module:function`.

    def price(lines, user_id, region, metadata):
        return discounts, freight

`lines` have sku_id, spu_id, title, quantity, unit_price_fen, weight_g and amount_fen; `discounts` are fen, one for each
line in their order; `freight` is fen, or None where the rules hold. It is pure: called again with the same it answers
the same, and it asks nobody, because orders wait while it thinks.
"""

from __future__ import annotations

import importlib
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from structlog import get_logger

from checkout import money
from checkout.errors import CheckoutError, SettingsError
from checkout.prices.basket import Basket

log = get_logger(__name__)

T = TypeVar("T")

Function = Callable[..., Any]
SLOW_SECONDS = 0.005
_CURE = "CHECKOUT_PRICING is wrong: name package.module:function of a package that Python finds"


class PricingFailed(CheckoutError):
    """The shop's own function raised, or answered what is no price. It is told without what the function said."""

    code = "pricing_failed"


class Answer(NamedTuple):
    """`freight_fen` None: by the rules."""

    discounts: Sequence[int]
    freight_fen: int | None


def load(name: str) -> Function:
    """The function of that name. Raises SettingsError."""
    module, colon, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute) if colon and module else None
    except Exception as error:  # Whatever the shop's module does when it is imported.
        raise SettingsError(f"{_CURE} ({type(error).__name__}: {error})") from error
    if not callable(found):
        raise SettingsError(f"{_CURE} ({name!r} is none)")
    function: Function = found
    return function


def call(function: Function, basket: Basket) -> Answer:
    """What the function says. Raises PricingFailed."""
    try:
        answered = function(basket.lines, basket.user_id, basket.region, basket.metadata)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this order's alone, and noted with it
        # Where it was raised is told, without what was said: that may be a name or an address.
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("pricing_raised", error=type(error).__name__, file=place.filename, line=place.lineno)
        raise PricingFailed(f"the pricing function raised {type(error).__name__}") from None
    return _checked(answered, basket)


def _checked(answered: Any, basket: Basket) -> Answer:
    if not isinstance(answered, tuple) or len(answered) != 2:
        raise PricingFailed("the pricing function did not answer (discounts, freight)")
    discounts, freight_fen = answered
    if not isinstance(discounts, list | tuple) or len(discounts) != len(basket.lines):
        raise PricingFailed("the pricing function did not answer one discount for each line")
    for line, discount in zip(basket.lines, discounts, strict=True):
        if type(discount) is not int or not 0 <= discount <= line.amount_fen:
            raise PricingFailed(f"the pricing function's discount of SKU {line.sku_id} is not fen from 0 to its amount")
    if freight_fen is not None and (type(freight_fen) is not int or not 0 <= freight_fen <= money.LARGEST_FEN):
        raise PricingFailed("the pricing function's freight is neither fen nor None")
    return Answer(discounts, freight_fen)


class Watch:
    """Measures what calls take: those that are slow are counted, and a batch has so much time for all of its own."""

    def __init__(self) -> None:
        self.slow = 0
        self.last_seconds = 0.0
        self.longest_seconds = 0.0
        self.spent_seconds = 0.0

    def timed(self, call: Callable[[], T]) -> T:
        """What the call answers or raises; it is counted either way."""
        began = time.monotonic()
        try:
            return call()
        finally:
            self.last_seconds = time.monotonic() - began
            self.spent_seconds += self.last_seconds
            self.longest_seconds = max(self.longest_seconds, self.last_seconds)
            self.slow += self.last_seconds > SLOW_SECONDS
