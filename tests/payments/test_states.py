"""The diagram of states is what happens: every arrow of it was gone along, and nothing went anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from checkout.db import Engine, sql, transaction
from checkout.orders.ledger import Payment
from tests.payments.scenes import scene
from tests.payments.shop import Shop
from tests.shared.diagrams import TEXTS, Move, moves
from tests.shared.factories import a_trade, told

# One transaction that learns of money and that it has gone back writes only the end of it.
AT_ONCE = {Move("payment", was, "refunded") for was in ("open", "closed")}
_WATCH = """
    CREATE TABLE moves (kind text, was text, becomes text, PRIMARY KEY (kind, was, becomes));
    CREATE FUNCTION note_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO moves VALUES (TG_ARGV[0], CASE TG_OP WHEN 'UPDATE' THEN OLD.status::text ELSE '' END, NEW.status)
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
"""
_EACH = """
    CREATE TRIGGER born AFTER INSERT ON {0}s FOR EACH ROW EXECUTE FUNCTION note_move('{0}');
    CREATE TRIGGER moved AFTER UPDATE ON {0}s FOR EACH ROW WHEN (OLD.status <> NEW.status)
        EXECUTE FUNCTION note_move('{0}');
"""
KINDS = ("order", "payment", "refund")


@contextmanager
def watched(engine: Engine) -> Iterator[None]:
    """Every change of a status is noted, whoever makes it."""
    with transaction(engine) as connection:
        connection.execute(sql(_WATCH))
        for kind in KINDS:
            connection.execute(sql(_EACH.format(kind)))
    try:
        yield
    finally:
        with transaction(engine) as connection:
            connection.execute(sql("DROP FUNCTION note_move CASCADE"))
            connection.execute(sql("DROP TABLE moves"))


def seen(engine: Engine) -> set[Move]:
    with transaction(engine) as connection:
        return {Move(*row) for row in connection.execute(sql("SELECT kind, was, becomes FROM moves"))}


def _orders_come_to_their_ends(shop: Shop) -> None:
    for state in ("rejected", "completed", "expired", "cancelled", "refunded"):
        scene(shop, state)
    for state in ("accepted", "cash"):
        shop.cancel(scene(shop, state).order_id)
    for state in ("shipped", "completed"):
        shop.refund(scene(shop, state).attempt, 2000)
        shop.send_refunds()


def _money_comes_late(shop: Shop) -> None:
    for state in ("expired", "cancelled"):
        told(shop.engine, a_trade(scene(shop, state).attempt))


def _money_has_gone_back_before_it_is_heard_of(shop: Shop) -> None:
    told(shop.engine, a_trade(shop.offered(), "TRADE_CLOSED", refunded_fen=2000))


def _refunds_are_in_doubt(shop: Shop) -> None:
    """Alipay does not answer the first try; then it knows of it, cannot now, or will not any more.

    Other refunds may be tried beside: each fault is for one trade.
    """
    _in_doubt(shop, "timeout_executed")
    shop.send_refunds()
    payment = _in_doubt(shop, "timeout_not_executed")
    shop.gateway.fault("call_limited", method="alipay.trade.refund", times=1, out_trade_no=payment.out_trade_no)
    shop.send_refunds()
    shop.send_refunds()
    shop.finish(_in_doubt(shop, "timeout_not_executed"))
    shop.send_refunds()
    shop.send_refunds()


def _in_doubt(shop: Shop, fault: str) -> Payment:
    payment = shop.paid()
    shop.refund(payment, 2000)
    number = payment.out_trade_no
    shop.gateway.fault(fault, method="alipay.trade.refund", times=1, how="close", out_trade_no=number)
    shop.send_refunds()
    return payment


def _a_refund_is_refused(shop: Shop) -> None:
    payment = shop.paid()
    shop.refund(payment, 2000)
    shop.finish(payment)
    shop.send_refunds()


def test_every_arrow_is_gone_along_and_no_other(shop: Shop) -> None:
    [text] = [one.read_text(encoding="utf-8") for one in TEXTS if one.stem == "states"]
    with watched(shop.engine):
        _orders_come_to_their_ends(shop)
        _money_comes_late(shop)
        _money_has_gone_back_before_it_is_heard_of(shop)
        _refunds_are_in_doubt(shop)
        _a_refund_is_refused(shop)
        happened = seen(shop.engine)
    assert happened - AT_ONCE == moves(text)
