"""What docs/payments.md says that happens, as checks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checkout.alipay.client import Refused
from checkout.db import transaction
from checkout.errors import NotPayable
from checkout.payments.queries import hasten
from tests.payments.scenes import Scene
from tests.shared.factories import an_attempt, row, rows, topics


def later(scene: Scene) -> None:
    """Nothing changes, and somebody asks again."""
    assert scene.now == scene.before
    attempt = scene.shop.row(scene.attempt)
    assert (attempt.status, attempt.due_at is not None) == ("open", True)


def missing(scene: Scene) -> None:
    """Alipay denies a trade that it has made: nothing changes, it is asked again, and a person looks."""
    later(scene)
    assert f"trade_missing {scene.attempt.out_trade_no}" in scene.shop.stuck()


def same(scene: Scene) -> None:
    """Nothing changes."""
    assert scene.now == scene.before
    scene.shop.assert_even(scene.attempt)


def kept(scene: Scene) -> None:
    """The money pays for the order."""
    now = scene.now
    assert (now.status, now.stock, now.is_closing) == ("awaiting_shipment", "held", False)
    assert scene.shop.row(scene.attempt).kept
    assert "order.paid" in topics(scene.shop.engine, scene.order_id)
    scene.shop.assert_even(scene.attempt)


def ends(scene: Scene) -> None:
    """The attempt closes with its evidence; the order stays what it is."""
    assert scene.shop.row(scene.attempt).evidence in ("closed_at_alipay", "expired_unborn")
    assert scene.now[:3] == scene.before[:3]
    assert scene.now.units == scene.before.units


def expires(scene: Scene) -> None:
    """The attempt closes with its evidence, the order as expired, and its stock returns."""
    assert scene.shop.row(scene.attempt).evidence in ("closed_at_alipay", "expired_unborn")
    assert scene.now[:3] == ("closed", "expired", "returned")
    assert scene.now.units == scene.before.units + 1


def returns(scene: Scene) -> None:
    """The attempt closes with its evidence, and the stock of the closed order returns."""
    assert scene.shop.row(scene.attempt).evidence in ("closed_at_alipay", "expired_unborn")
    assert scene.now[:3] == ("closed", scene.before.reason, "returned")
    assert scene.now.units == scene.before.units + 1


def reinstated(scene: Scene) -> None:
    """The order lives again, with its stock."""
    assert scene.now[:3] == ("awaiting_shipment", None, "held")
    assert scene.now.units == scene.before.units - 1
    assert scene.shop.row(scene.attempt).kept
    assert "order.reinstated" in topics(scene.shop.engine, scene.order_id)


def goes_back(scene: Scene) -> None:
    """The money is refunded in full, under one number; until then it stands in `checkout stuck`."""
    assert f"money_not_kept {scene.attempt.id}" in scene.shop.stuck()
    assert scene.shop.send_refunds() == 1
    attempt = scene.shop.row(scene.attempt)
    assert (attempt.status, attempt.kept, attempt.refunded_fen) == ("refunded", False, 2000)
    assert scene.now[:2] == scene.before[:2]
    assert scene.shop.stuck() == []
    _has_its_stock(scene)
    scene.shop.assert_even(scene.attempt)


def _has_its_stock(scene: Scene) -> None:
    """Held by a living order, returned by a closed one."""
    assert scene.now.stock == ("returned" if scene.now.status == "closed" else "held")


def listed(scene: Scene) -> None:
    """The money should go back, but Alipay refuses for good: a person finds it in `checkout stuck`."""
    assert scene.shop.send_refunds() == 1
    attempt = scene.shop.row(scene.attempt)
    assert (attempt.status, attempt.kept, attempt.refunding_fen) == ("paid", False, 2000)
    number = row(scene.shop.engine, "refunds", n=attempt.n).out_request_no
    assert {f"refund_refused {number}", f"money_not_kept {scene.attempt.id}"} <= set(scene.shop.stuck())
    _has_its_stock(scene)
    scene.shop.assert_even(scene.attempt)


def refunded(scene: Scene) -> None:
    """A refund made in Alipay's console is taken in, and closes the order; goods that left do not come back."""
    assert scene.now[:2] == ("closed", "refunded")
    left = scene.before.stock == "left"
    assert (scene.now.stock, scene.now.units) == ("left" if left else "returned", scene.before.units + (not left))
    assert row(scene.shop.engine, "refunds").source == "external"
    scene.shop.assert_even(scene.attempt)


def taken_in(scene: Scene) -> None:
    """It came and has gone back already: both are noted, the order stays what it is."""
    scene.shop.send_refunds()
    attempt = scene.shop.row(scene.attempt)
    assert (attempt.status, attempt.kept, attempt.refunded_fen) == ("refunded", False, 2000)
    made = rows(scene.shop.engine, "refunds", n=attempt.n, status="succeeded")
    assert [refund.source for refund in made] == ["external"]
    assert scene.now[:2] == scene.before[:2]
    _has_its_stock(scene)
    scene.shop.assert_even(scene.attempt)


# What cannot be, and why.


def no_attempt(scene: Scene) -> None:
    """There is no number by which Alipay could know the order, and none is made."""
    assert scene.payment is None
    assert rows(scene.shop.engine, "payments") == []
    with pytest.raises(NotPayable):
        an_attempt(scene.shop.engine, scene.order_id)
    assert scene.now == scene.before


def not_asked(scene: Scene) -> None:
    """Nobody asks about an attempt that is final, and no notify says such a thing."""
    with transaction(scene.shop.engine) as connection:
        hasten(connection, scene.attempt.out_trade_no)
    assert scene.shop.turn_of(scene.attempt) is None
    assert scene.now == scene.before


def too_early(scene: Scene) -> None:
    """An order in time is never past `payable_until`, which lies after `pay_before`."""
    order = row(scene.shop.engine, "orders", id=scene.order_id)
    assert scene.shop.row(scene.attempt).payable_until > order.pay_before


def excluded(scene: Scene) -> None:
    """Alipay's own states forbid it: what was paid is never closed unpaid, what went back in full never finishes."""
    answer = scene.shop.alipay.close(scene.attempt.out_trade_no)
    assert isinstance(answer, Refused)
    assert answer.code == "TRADE_STATUS_ERROR"
    if scene.before.reason == "refunded":
        scene.shop.gateway.admin("POST", "finish", {"out_trade_no": scene.attempt.out_trade_no}, status=409)


def refused(scene: Scene) -> None:
    """A notify that Alipay has not signed is answered `failure` and changes nothing."""
    for status, changes in (("TRADE_SUCCESS", {}), ("TRADE_CLOSED", {"refund_fee": "20.00"})):
        assert scene.shop.forge(scene.attempt, status, **changes) == b"failure"
    assert scene.shop.apply_notifies() == []
    assert scene.now == scene.before


NEVER: dict[str, Callable[[Scene], None]] = {
    check.__name__: check for check in (no_attempt, not_asked, too_early, excluded, refused)
}
HAPPENS: dict[str, Callable[[Scene], None]] = {
    check.__name__: check
    for check in (later, missing, same, kept, ends, expires, returns, reinstated, goes_back, listed, refunded, taken_in)
}
