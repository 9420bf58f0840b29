"""Which orders are to be erased: those of users who wish it, whenever they come, and those of a certain age."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from checkout import schema
from checkout.db import Connection, array, command, sql

ORDERS_AT_ONCE = 1000
# Longer than any transaction that accepts orders.
SETTLED_SECONDS = 60


class Wish(NamedTuple):
    """What has become of a user's wish: how many orders of his are erased, and how many are not yet."""

    user_id: int
    wished_at: datetime
    erased: int
    to_come: int


# Asked again, his orders are walked again: whoever is not sure may say it twice.
_STORE = command("""
    INSERT INTO erasures (user_id) VALUES (:user_id) ON CONFLICT (user_id) DO UPDATE SET walked = 0
""")
_SHOW = sql("""
    SELECT e.user_id, e.wished_at,
        (SELECT count(*) FROM orders WHERE orders.user_id = e.user_id AND erased_at IS NOT NULL),
        (SELECT count(*) FROM orders WHERE orders.user_id = e.user_id AND erased_at IS NULL)
    FROM erasures e WHERE e.user_id = :user_id
""")
# One look along the index of a user's orders for each wish that was ever made.
# Ids are drawn before they are committed: those of the last minute may not all be there yet. Nor are they in the order
# of their transactions' beginnings: the walk stops at the first that is too young.
_NEW = sql("""
    SELECT e.user_id, e.walked, o.id FROM erasures e CROSS JOIN LATERAL (
        SELECT id, bool_and(accepted_at < now() - make_interval(secs => :settled)) OVER (ORDER BY id) AS is_settled
        FROM (SELECT id, accepted_at FROM orders WHERE orders.user_id = e.user_id AND orders.id > e.walked
            ORDER BY id LIMIT 100) AS first
    ) o WHERE o.is_settled ORDER BY e.user_id, o.id LIMIT :limit
""")
# A wish that was said again meanwhile begins anew.
_WALKED = command("""
    UPDATE erasures e SET walked = w.last
    FROM unnest(CAST(:user_ids AS bigint[]), CAST(:walked AS bigint[]), CAST(:last AS bigint[]))
        AS w (user_id, walked, last)
    WHERE e.user_id = w.user_id AND e.walked = w.walked
""")
# In id order, all of them: who plans the same orders at the same time waits for us, and not we for him.
_PLAN = command("""
    INSERT INTO erasures_due (order_id) SELECT * FROM unnest(CAST(:ids AS bigint[])) ORDER BY 1 ON CONFLICT DO NOTHING
""")
_PLAN_NEWEST = command("""
    INSERT INTO erasures_due (order_id) SELECT id FROM (
        SELECT id FROM orders WHERE user_id = :user_id AND erased_at IS NULL ORDER BY id DESC LIMIT :limit
    ) AS newest ORDER BY id ON CONFLICT DO NOTHING
""")
# In id order, which is nearly the order of age: the walk stops at the first that is too young.
_OLD = sql("""
    SELECT id, accepted_at < now() - make_interval(secs => :seconds) AS is_old
    FROM orders WHERE id > (SELECT walked FROM retention FOR UPDATE) ORDER BY id LIMIT :limit
""")
_PASSED = command("UPDATE retention SET walked = :id")


def store(connection: Connection, user_id: int) -> None:
    """Keeps the wish for ever: it holds for orders to come. Those that are there are planned now, `ORDERS_AT_ONCE`.

    Raises UpgradeUnfinished while older code may run.
    """
    schema.require_finished(connection, schema.ERASURE_SINCE)
    connection.execute(_STORE, {"user_id": user_id})
    connection.execute(_PLAN_NEWEST, {"user_id": user_id, "limit": ORDERS_AT_ONCE})


def show(connection: Connection, user_id: int) -> Wish:
    """What has become of a wish that was stored."""
    return Wish(*connection.execute(_SHOW, {"user_id": user_id}).one())


def walk(connection: Connection) -> int:
    """Plans the orders of users who wish it, as far as they were not seen yet; returns how many."""
    rows = connection.execute(_NEW, {"limit": ORDERS_AT_ONCE, "settled": SETTLED_SECONDS}).all()
    if rows:
        last = {(row.user_id, row.walked): row.id for row in rows}  # The highest of each comes last.
        users, walked = zip(*last, strict=True)
        connection.execute(_PLAN, {"ids": array(row.id for row in rows)})
        connection.execute(_WALKED, {"user_ids": array(users), "walked": array(walked), "last": array(last.values())})
    return len(rows)


def walk_by_age(connection: Connection, retention_seconds: int) -> int:
    """Plans the orders that were accepted so long ago, as far as they were not seen yet; returns how many."""
    old = []
    for row in connection.execute(_OLD, {"seconds": retention_seconds, "limit": ORDERS_AT_ONCE}):
        if not row.is_old:
            break
        old.append(row.id)
    if old:
        connection.execute(_PLAN, {"ids": array(old)})
        connection.execute(_PASSED, {"id": old[-1]})
    return len(old)
