"""The same load beside empty tables and beside millions of orders: what an order costs then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import chores, mixes, relaying, wal
from bench.mixes import HOT, MANY, WIDE, Run
from bench.stack import Stack
from bench.wal import Written
from checkout import db
from checkout.audit import heartbeats
from checkout.db import sql

CHUNK = 100_000
# Idempotency keys are kept this long, so every filled order still has one.
DAYS = 7
FLOOR, GOAL = 1.2, 1.1

_SERVICES = ("postgres", "upkeep", "orders")
CALM_SECONDS = 600.0


@dataclass
class Growth:
    """Runs beside the empty and the filled database; costs are µs of PostgreSQL and worker CPU per order."""

    rows: int
    empty: dict[str, Run]
    filled: dict[str, Run]
    wal: dict[str, Written]  # by mix and whether it was empty
    chores: dict[str, float]  # seconds by command, beside the filled ones

    def cost_us(self, mix: str) -> tuple[float, float]:
        """Empty, filled."""
        empty, filled = (
            sum(runs[mix].cpu_us.get(name, 0.0) for name in _SERVICES) for runs in (self.empty, self.filled)
        )
        return empty, filled

    def ratio(self, mix: str) -> float:
        empty, filled = self.cost_us(mix)
        return filled / empty


def measure(stack: Stack, rows: int, seconds: float, say: Callable[[str, int], None]) -> Growth:
    """Measures, fills, measures again; `say` hears what is done and how many rows were filled."""
    say("warming up", 0)
    wal.keep(stack)
    mixes.closed(stack, MANY, 64, 3)
    written: dict[str, Written] = {}
    empty = _runs(stack, seconds, say, "beside empty tables", written)
    users = len(stack.tokens)
    with relaying.held(stack), _full_pages(stack):
        for filled in range(0, rows, CHUNK):
            _fill(stack, min(CHUNK, rows - filled), users)
            with db.transaction(stack.engine) as connection:
                heartbeats.beat(connection, "relay")  # Who watches would take it for dead, and end its worker.
            say(f"filling: {filled + CHUNK:,} orders", CHUNK)
        relaying.skip(stack)
    say("vacuum", 0)
    with stack.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sql("VACUUM ANALYZE"))
    _until_calm(stack)
    filled_runs = _runs(stack, seconds, say, f"beside {rows:,} orders", written)
    stack.settle()
    return Growth(rows, empty, filled_runs, written, chores.measure(stack, say))


# Pages keep room for what becomes of their rows. The filled ones have become it: were there room on their pages, each
# new order would be written to one of millions of old ones, as happens in no shop whose tables grew by themselves.
_ROOMY = "SELECT relname, reloptions[1] FROM pg_class WHERE reloptions[1] LIKE 'fillfactor=%' AND relkind = 'r'"


@contextmanager
def _full_pages(stack: Stack) -> Iterator[None]:
    roomy = stack.rows(_ROOMY)
    with db.transaction(stack.engine) as connection:
        for name, _ in roomy:
            connection.exec_driver_sql(f"ALTER TABLE {name} SET (fillfactor = 100)")
    yield
    with db.transaction(stack.engine) as connection:
        for name, option in roomy:
            connection.exec_driver_sql(f"ALTER TABLE {name} SET ({option})")


def _until_calm(stack: Stack) -> None:
    """Waits until no autovacuum follows the filling any more; three looks, five seconds apart. Raises TimeoutError."""
    deadline, calm = time.monotonic() + CALM_SECONDS, 0
    while calm < 3:
        if time.monotonic() > deadline:
            raise TimeoutError("autovacuum did not come to an end")
        time.sleep(5)
        busy = stack.one("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'")
        calm = 0 if busy else calm + 1


def _runs(
    stack: Stack, seconds: float, say: Callable[[str, int], None], where: str, written: dict[str, Written]
) -> dict[str, Run]:
    runs = {}
    for mix in (HOT, MANY):
        say(f"{mix.title} {where}", 0)
        stack.checkpoint()
        first = wal.place(stack)
        runs[mix.name] = mixes.closed(stack, mix, 64, seconds)
        written[f"{mix.title} {where}"] = wal.since(stack, first, runs[mix.name].placed)
    return runs


# What buyers did in the last days: 80 % paid and received, 12 % never paid, 6 % paid and waiting, 2 % of cash.
# Time and status follow from the order's number; `k` runs from 0 below 50.
_DRAW = """
    CREATE TEMPORARY TABLE filled ON COMMIT DROP AS
    SELECT nextval('orders_id_seq') AS id, n, n % 50 AS k, 1 + (n * 7919) % :users AS user_id,
        now() - make_interval(secs => (1 - n::float8 / :count) * :span + 3600) AS at,
        'wide-' || 1 + (n * 31) % :skus AS first_sku, 'wide-' || 1 + (n * 31 + 4999) % :skus AS second_sku
    FROM generate_series(1, :count) AS n
"""
_NUMBER = "to_char(at, 'YYYYMMDD') || lpad(id::text, 12, '0') || 'N1R' || upper(left(md5(id::text), 10))"
_TRADE = "to_char(at, 'YYYYMMDD') || '22001' || id"

_STEPS = (
    """
    INSERT INTO users AS u (id, open_orders) SELECT user_id, count(*) FILTER (WHERE k = 49) FROM filled GROUP BY user_id
    ON CONFLICT (id) DO UPDATE SET open_orders = u.open_orders + excluded.open_orders
    """,
    """
    INSERT INTO orders (id, user_id, accepted_at, placed_at, pay_before, paid_at, shipped_at, completed_at, closing_at,
        closed_at, goods_fen, freight_fen, total_fen, version, status, pay_method, stock, sku_ids, quantities,
        recipient, phone, region, detail, reason)
    OVERRIDING SYSTEM VALUE
    SELECT id, user_id, at, at + '50 ms',
        CASE WHEN k < 49 THEN date_trunc('second', at + '30 min') END,
        CASE WHEN k < 43 THEN at + '2 min' END,
        CASE WHEN k < 40 THEN at + '30 min' END,
        CASE WHEN k < 40 THEN at + '50 min' END,
        CASE WHEN k BETWEEN 43 AND 48 THEN at + '31 min' END,
        CASE WHEN k BETWEEN 43 AND 48 THEN at + '32 min' END,
        2000, 1000, 3000,
        CASE WHEN k < 40 THEN 7 WHEN k < 43 THEN 5 WHEN k < 49 THEN 5 ELSE 2 END,
        (CASE WHEN k < 40 THEN 'completed' WHEN k BETWEEN 43 AND 48 THEN 'closed' ELSE 'awaiting_shipment'
            END)::order_status,
        (CASE WHEN k < 49 THEN 'alipay' ELSE 'cash' END)::pay_method,
        (CASE WHEN k < 40 THEN 'left' WHEN k BETWEEN 43 AND 48 THEN 'returned' ELSE 'held' END)::stock_state,
        ARRAY[least(first_sku, second_sku), greatest(first_sku, second_sku)], '{1,1}', '王小明', '13800000000',
        '上海市浦东新区', '世纪大道 100 号 3 楼', CASE WHEN k BETWEEN 43 AND 48 THEN 'expired' END
    FROM filled
    """,
    """
    INSERT INTO order_lines (order_id, sku_id, spu_id, title, quantity, unit_price_fen)
    SELECT f.id, s.id, s.spu_id, '茶', 1, s.price_fen -- Shorter than any new one, which fits on no page of theirs then.
    FROM filled f JOIN skus s ON s.id IN (f.first_sku, f.second_sku) ORDER BY f.id
    """,
    """
    INSERT INTO order_keys (digest, fingerprint, key, order_id, day)
    SELECT CAST(left(encode(sha256(convert_to(user_id::text, 'UTF8') || decode('00', 'hex')
        || convert_to('key-' || id, 'UTF8')), 'hex'), 32) AS uuid), gen_random_uuid(), 'key-' || id, id,
        (at AT TIME ZONE 'UTC')::date FROM filled
    """,
    f"""
    INSERT INTO payments (order_id, n, status, method, evidence, kept, amount_fen, paid_fen, created_at, offered_at,
        payable_until, paid_at, closed_at, out_trade_no, trade_no)
    SELECT id, 1, (CASE WHEN k < 43 THEN 'paid' ELSE 'closed' END)::payment_status, 'page',
        CASE WHEN k >= 43 THEN 'expired_unborn'::payment_evidence END, k < 43, 3000,
        CASE WHEN k < 43 THEN 3000 ELSE 0 END,
        at, at + '1 min', at + '31 min', CASE WHEN k < 43 THEN at + '2 min' END,
        CASE WHEN k >= 43 THEN at + '32 min' END, {_NUMBER}, CASE WHEN k < 43 THEN {_TRADE} END
    FROM filled WHERE k < 49
    """,
    f"""
    INSERT INTO events (at, sequence, topic, subject, data)
    SELECT at + after, sequence, topic, id, json_build_object('order_id', id::text, 'user_id', user_id::text,
        'payment_id', id || '-1', 'status', CASE WHEN k = 49 THEN 'awaiting_shipment' ELSE told.status END,
        'pay_method', CASE WHEN k = 49 THEN 'cash' ELSE 'alipay' END, 'total_amount', '30.00', 'amount', '30.00',
        'reason', 'expired', 'out_trade_no', {_NUMBER}, 'trade_no', {_TRADE})
    FROM filled JOIN (VALUES
        (0, 49, 2, 'order.placed', 'awaiting_payment', interval '50 ms'),
        (0, 48, 3, 'payment.created', 'open', '50 ms'),
        (0, 42, 4, 'payment.succeeded', 'paid', '2 min'), (0, 42, 5, 'order.paid', 'awaiting_shipment', '2 min'),
        (43, 48, 4, 'payment.closed', 'closed', '32 min'), (43, 48, 5, 'order.closed', 'closed', '32 min'),
        (0, 39, 6, 'order.shipped', 'shipped', '30 min'), (0, 39, 7, 'order.completed', 'completed', '50 min')
    ) AS told (low, high, sequence, topic, status, after) ON k BETWEEN low AND high
    ORDER BY id, sequence
    """,
    """
    UPDATE skus SET stock = stock - sold, sales = sales + sold FROM (
        SELECT sku_id, count(*) AS sold FROM order_lines JOIN filled ON filled.id = order_id
        WHERE k NOT BETWEEN 43 AND 48 GROUP BY 1
    ) AS moved WHERE skus.id = sku_id
    """,
    """
    UPDATE spus SET sales = sales + sold FROM (
        SELECT spu_id, count(*) AS sold FROM order_lines JOIN filled ON filled.id = order_id
        WHERE k NOT BETWEEN 43 AND 48 GROUP BY 1
    ) AS moved WHERE spus.id = spu_id
    """,
)


def _fill(stack: Stack, count: int, users: int) -> None:
    """One chunk of orders with all that belongs to them, as the audit wants it."""
    with db.transaction(stack.engine) as connection:
        connection.execute(sql("SET LOCAL synchronous_commit = off"))
        drawn = {"count": count, "users": users, "skus": WIDE, "span": DAYS * 86400 - 7200}
        connection.execute(
            sql("SELECT make_partitions((now() - interval '8 days')::date, (now() + interval '1 day')::date)")
        )
        connection.execute(sql(_DRAW), drawn)
        for step in _STEPS:
            connection.exec_driver_sql(step)
