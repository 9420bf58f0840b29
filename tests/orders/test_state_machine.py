"""Lives of orders, random and scripted, against a simple model of stock and money; the audit at the end."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from checkout import db
from checkout.audit import invariants
from checkout.db import Engine
from tests.orders.lives_of_goods import GoodsShop as Shop
from tests.orders.model import Model
from tests.shared.factories import rows

SEED = 20_261_122
EXAMPLES = 60
STEPS = 50


def assert_clean(engine: Engine) -> None:
    with db.reading(engine) as snapshot:
        assert [finding for finding in invariants.run(snapshot) if not finding.ok] == []


@pytest.mark.timeout(600)
def test_random_lives_of_orders_keep_the_books(engine: Engine, request: pytest.FixtureRequest) -> None:
    Shop.engine = engine
    given = int(request.config.getoption("--hypothesis-seed") or SEED)
    print(f"--hypothesis-seed={given} plays this again")  # noqa: T201 - pytest shows it when the test fails
    run_state_machine_as_test(
        seed(given)(Shop),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert_clean(engine)
    if given == SEED:  # Other seeds may miss an end, and prove something all the same.
        reached = {order.reason or order.status for order in rows(engine, "orders")}
        assert {"expired", "cancelled", "refunded"} <= reached
        assert len({refund.source for refund in rows(engine, "refunds")}) > 1


def test_a_scripted_life_comes_by_every_end_and_every_refund(engine: Engine) -> None:
    """What a random life reaches by chance only."""
    Shop.engine = engine
    shop = Shop()

    def bought(units: int = 1, *methods: str) -> Model:
        model = shop.place({shop.skus[0]: units})
        for method in methods or ("page",):
            shop.offer(model, method)
        shop.the_model_holds()
        return model

    late, late_and_gone, cancelled = bought(2), bought(2), bought(2)
    bought(1)  # Nothing is left.
    for model in (late, late_and_gone):
        shop.expire(model)
        shop.trade_closes(model, 0)
    shop.cancel(cancelled)
    shop.money_comes(late, 0)
    shop.place({shop.skus[0]: 2})
    for model in (late_and_gone, cancelled):
        shop.money_comes(model, 0)
        shop.the_model_holds()
    shop.restock(0, 9)
    twice, in_parts, outside = bought(1, "page", "wap"), bought(), bought()
    for model, place in ((twice, 0), (twice, 1), (in_parts, 0), (outside, 0)):
        shop.money_comes(model, place)
    shop.refund(in_parts, in_parts.total_fen // 2, "a part")
    shop.refund_outside(outside)
    shop.the_model_holds()
    assert_clean(engine)
    assert {order.reason for order in rows(engine, "orders")} >= {"out_of_stock", "cancelled", "refunded"}
    assert "order.reinstated" in {event.topic for event in rows(engine, "events")}
    assert {refund.source for refund in rows(engine, "refunds")} == {"late", "double", "operator", "external"}
