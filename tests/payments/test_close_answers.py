"""Every answer to a close, for every kind of order that closes: the second table of docs/payments.md."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checkout.alipay.client import Alipay, Result
from tests.payments import outcomes, scenes
from tests.payments.scenes import Scene
from tests.payments.shop import Between, Shop
from tests.payments.table import CLOSE, parse

CELLS = parse(CLOSE)
AT_ONCE = ("done",)
FAULTS = {"unknown_done": "timeout_executed", "unknown_not_done": "timeout_not_executed", "limited": "call_limited"}


class DeafToClose(Alipay):
    """Our client, unable to verify what Alipay answers to a close."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop.settings, shop.resources.redis)
        self._deaf = shop.deaf()

    def close(self, out_trade_no: str, trade_no: str | None = None) -> Result:
        return self._deaf.close(out_trade_no, trade_no)


def _client(scene: Scene, answer: str) -> Alipay:
    shop, attempt = scene.shop, scene.attempt
    happens: dict[str, Callable[[], object]] = {
        "paid_before": lambda: shop.gateway.fault("buyer_pays_before_close", times=1),
        "closed_before": lambda: shop.alipay.close(attempt.out_trade_no),
    }
    if answer == "forged":
        return DeafToClose(shop)
    if answer in FAULTS:
        shop.gateway.fault(FAULTS[answer], method="alipay.trade.close", times=1, how="close")
    return Between(shop, happens.get(answer, lambda: None))


@pytest.mark.parametrize(("state", "answer"), list(CELLS))
def test_cell(shop: Shop, state: str, answer: str) -> None:
    outcome = CELLS[state, answer]
    scene = scenes.scene(shop, state)
    shop.log_in(scene.attempt)
    if outcome == "excluded":
        _a_trade_that_waits_is_there(scene)
        return
    shop.ask(scene.attempt, _client(scene, answer))
    if answer not in AT_ONCE:
        outcomes.later(scene)
        shop.ask(scene.attempt)
    outcomes.HAPPENS[outcome](scene)
    shop.assert_sound()


def _a_trade_that_waits_is_there(scene: Scene) -> None:
    """We close only what the query just before has found waiting, and a trade does not vanish."""
    asked: list[str] = []

    class Watched(Alipay):
        def close(self, out_trade_no: str) -> object:  # type: ignore[override] # never called
            asked.append(out_trade_no)
            return super().close(out_trade_no)

    unborn = scene.shop.offered()
    scene.shop.cancel(unborn.order_id)
    scene.shop.ask(unborn, Watched(scene.shop.settings, scene.shop.resources.redis))
    assert asked == []
