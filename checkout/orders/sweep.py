"""What was left behind by a lost doorbell or a killed worker is found again here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import TextClause
from sqlalchemy.exc import DBAPIError
from structlog import get_logger

from checkout import db
from checkout.db import Connection, Engine, array, sql, transaction
from checkout.errors import NotWaiting

log = get_logger(__name__)

OVERDUE_SECONDS = 3
# An order that so many workers may have died of is placed alone.
DEATHS = 3
# After each try alone that came to no end the next is further away; the last step repeats.
ALONE_SECONDS = (60, 300, 1800, 3600)
# A try alone that was only interrupted.
AGAIN_SECONDS = 3
MOST_ALONE = 100

_OLDEST = sql("""
    SELECT min(order_id) FROM arrivals
    WHERE alone_at IS NULL AND NOT parked AND since < now() - make_interval(secs => :overdue)
""")
_ALONE = sql("SELECT order_id FROM arrivals WHERE alone_at <= now() AND NOT parked ORDER BY alone_at LIMIT :limit")
_CLAIM = sql("""
    UPDATE arrivals SET claimed_by = own.pid, claimed_since = own.backend_start
    FROM (SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()) AS own
    WHERE order_id = ANY(CAST(:ids AS bigint[])) AND claimed_by IS NULL RETURNING order_id
""")
_TAKE_BACK = sql("""
    UPDATE arrivals SET claimed_by = NULL, claimed_since = NULL WHERE order_id = ANY(CAST(:ids AS bigint[]))
""")
# A backend of a server that was started again says nothing about its worker.
_COUNT_DEATHS = sql("""
    WITH gone AS (
        SELECT order_id, claimed_since >= pg_postmaster_start_time() AS is_death FROM arrivals a
        WHERE claimed_by IS NOT NULL AND NOT EXISTS (
            SELECT FROM pg_stat_activity s WHERE s.pid = a.claimed_by AND s.backend_start = a.claimed_since)
        FOR UPDATE SKIP LOCKED
    )
    UPDATE arrivals a SET claimed_by = NULL, claimed_since = NULL, deaths = deaths + is_death::int,
        alone_at = CASE WHEN deaths + is_death::int >= :most THEN now() END
    FROM gone WHERE gone.order_id = a.order_id
""")
# The next try is set before this one begins: who dies of it has his place on the ladder.
_CLAIM_ALONE = sql("""
    UPDATE arrivals SET tries = LEAST(tries + 1, 30000), alone_at = now() + make_interval(secs =>
        (CAST(:ladder AS int[]))[LEAST(tries + 1, cardinality(CAST(:ladder AS int[])))])
    WHERE order_id = :id AND NOT parked RETURNING order_id
""")
_TAKE_BACK_ALONE = sql("""
    UPDATE arrivals SET tries = tries - 1, alone_at = now() + make_interval(secs => :seconds) WHERE order_id = :id
""")
_FAIL_ALONE = sql("UPDATE arrivals SET error = :error, parked = :parked WHERE order_id = :id")


class Waiting(NamedTuple):
    """What nobody has placed in time: the oldest of all, and those that go alone."""

    oldest: int | None
    alone: list[int]


def overdue(connection: Connection) -> Waiting:
    """Finds accepted orders that somebody must be rung for. Rings are not counted: slow workers park nothing."""
    connection.execute(_COUNT_DEATHS, {"most": DEATHS})
    oldest = connection.execute(_OLDEST, {"overdue": OVERDUE_SECONDS}).scalar()
    return Waiting(oldest, list(connection.execute(_ALONE, {"limit": MOST_ALONE}).scalars()))


def claim(connection: Connection, order_ids: Collection[int]) -> list[int]:
    """Notes that this connection's process places them now; returns those that are no other's already."""
    return list(connection.execute(_CLAIM, {"ids": array(order_ids)}).scalars())


def take_back(engine: Engine, order_ids: Collection[int]) -> None:
    """Whatever became of them, this process did not die of it."""
    _quietly(engine, _TAKE_BACK, {"ids": array(order_ids)})


def claim_alone(connection: Connection, order_id: int) -> bool:
    """Notes a try alone, and when the next one would come; False: it does not wait any more, or for a person."""
    values = {"id": order_id, "ladder": list(ALONE_SECONDS)}
    return connection.execute(_CLAIM_ALONE, values).one_or_none() is not None


def take_back_alone(engine: Engine, order_id: int) -> None:
    """The try was interrupted, which says nothing about the order."""
    _quietly(engine, _TAKE_BACK_ALONE, {"id": order_id, "seconds": AGAIN_SECONDS})


def _quietly(engine: Engine, statement: TextClause, values: dict[str, Any]) -> None:
    """Without the database it stays as it is, and is counted as a death, which harms nobody."""
    try:
        with transaction(engine) as connection:
            connection.execute(statement, values)
    except DBAPIError as error:
        log.warning("claims_not_taken_back", sqlstate=db.sqlstate(error))


def fail_alone(connection: Connection, order_id: int, error: str, *, parked: bool) -> None:
    """It failed alone: for good by the database's verdict on its data, else until its next try."""
    connection.execute(_FAIL_ALONE, {"id": order_id, "error": error[:500], "parked": parked})


_ANEW = """
    UPDATE arrivals SET error = NULL, parked = false, deaths = 0, tries = 0, since = now(), alone_at = now() WHERE
"""
_RETRY = sql(_ANEW + "order_id = ANY(CAST(:ids AS bigint[])) RETURNING order_id")
_RETRY_ALL = sql(_ANEW + "parked OR alone_at IS NOT NULL RETURNING order_id")


def retry(connection: Connection, order_ids: Sequence[int]) -> list[int]:
    """Lets these be placed again, each alone, and returns them. Raises NotWaiting for one that does not wait."""
    found = set(connection.execute(_RETRY, {"ids": array(order_ids)}).scalars())
    if missing := [order_id for order_id in order_ids if order_id not in found]:
        raise NotWaiting(f"order {missing[0]} does not wait to be placed")
    return sorted(found)


def retry_all(connection: Connection) -> list[int]:
    """Lets all that are parked, or wait for a try alone, be placed again; returns them."""
    return sorted(connection.execute(_RETRY_ALL).scalars())
