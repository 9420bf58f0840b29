"""Every order state meets every word of Alipay's: the first table of docs/payments.md, cell by cell."""

from __future__ import annotations

import pytest

from tests.payments import outcomes, scenes
from tests.payments.shop import Shop
from tests.payments.table import WORDS, parse

CELLS = parse(WORDS)


@pytest.mark.parametrize(("state", "word"), list(CELLS))
def test_cell(shop: Shop, state: str, word: str) -> None:
    outcome = CELLS[state, word]
    scene = scenes.scene(shop, state)
    if outcome in outcomes.NEVER:
        outcomes.NEVER[outcome](scene)
    else:
        scenes.alipay_says(shop, scene.attempt, state, word)
        outcomes.HAPPENS[outcome](scene)
        shop.assert_sound()
