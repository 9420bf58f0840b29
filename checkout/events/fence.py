"""The fence: below it every id of the log is final, so who reads by id misses nothing. Proof: docs/events.md."""

from __future__ import annotations

from checkout.db import Connection, sql

_DRAWN = sql("SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM events_id_seq")
_NEXT_XID = sql("SELECT pg_current_xact_id()::text::bigint")
_OLDEST_XID = sql("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


class Fence:
    """One reader's fence; it moves on when the reader has reached it."""

    def __init__(self) -> None:
        self._id = 0
        self._xid = 0

    def beyond(self, connection: Connection, reached: int) -> int | None:
        """Up to which id everything after `reached` is final; None: nothing more is, yet.

        Outside any transaction: each of its looks must have a snapshot of its own.
        """
        if reached >= self._id:
            # In this order: step 2 of the proof.
            self._id = connection.execute(_DRAWN).scalar_one()
            if reached >= self._id:
                return None
            self._xid = connection.execute(_NEXT_XID).scalar_one()
        if connection.execute(_OLDEST_XID).scalar_one() < self._xid:
            return None
        return self._id

    def is_beyond(self, reached: int) -> bool:
        """Whether something after `reached` was drawn that will be final."""
        return self._id > reached


def drawn(connection: Connection) -> int:
    """The last id that any transaction has drawn."""
    return int(connection.execute(_DRAWN).scalar_one())
