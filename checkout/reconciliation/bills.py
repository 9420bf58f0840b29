"""Alipay's bills as we keep them: the archive as it came, and its lines to compare with."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, NamedTuple

from checkout import clock
from checkout.alipay import bill
from checkout.alipay.client import Alipay
from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Connection, Engine, array, sql, transaction
from checkout.errors import Unavailable
from checkout.reconciliation import rows
from checkout.reconciliation.rows import Line

# After midnight in Beijing; Alipay promises the bill for 09:00.
DUE_AFTER = timedelta(hours=9)
PIECE_BYTES = 1_000_000
LINES_AT_ONCE = 5000


class Bill(NamedTuple):
    """What is kept of a day. `asked_at`: later money is not on it. `lines` is None until all of them are read."""

    day: date
    asked_at: datetime
    lines: int | None


_NOW = sql("SELECT now()")
_FIND = sql("SELECT day, asked_at, lines FROM bills WHERE day = :day")
_KEEP = sql("""
    INSERT INTO bills (day, asked_at, lines) VALUES (:day, :asked_at, :lines)
    ON CONFLICT (day) DO UPDATE SET asked_at = excluded.asked_at, lines = excluded.lines, erasures_planned = false
""")
_CLEAR_ARCHIVE = sql("DELETE FROM bill_archives WHERE day = :day")
_CLEAR_LINES = sql("DELETE FROM bill_lines WHERE day = :day")
_KEEP_PIECE = sql("INSERT INTO bill_archives (day, piece, bytes) VALUES (:day, :piece, :bytes)")
_PIECE = sql("SELECT bytes FROM bill_archives WHERE day = :day AND piece = :piece")
# Lines are added only while the bill is the one that is being read: somebody else may have fetched it again.
_ADD = sql("""
    WITH same AS MATERIALIZED (SELECT FROM bills WHERE day = :day AND asked_at = :asked_at FOR SHARE)
    INSERT INTO bill_lines (day, line, out_trade_no, request_no, fen)
    SELECT :day, :first + place, out_trade_no, request_no, fen
    FROM same, unnest(CAST(:out_trade_no AS text[]), CAST(:request_no AS text[]), CAST(:fen AS bigint[]))
        WITH ORDINALITY AS l (out_trade_no, request_no, fen, place)
    ON CONFLICT (day, line) DO NOTHING
""")
_COMPLETE = sql("UPDATE bills SET lines = :lines WHERE day = :day AND asked_at = :asked_at RETURNING day")
_ANALYZE = sql("ANALYZE bill_lines")


def limits(day: date) -> tuple[datetime, datetime]:
    """The instants between which it is that day in Beijing."""
    start = datetime.combine(day, time(), clock.BEIJING)
    return start, start + timedelta(days=1)


def find(connection: Connection, day: date) -> Bill | None:
    row = connection.execute(_FIND, {"day": day}).one_or_none()
    return Bill(*row) if row else None


def ensure(engine: Engine, alipay: Alipay, day: date, *, fetch_again: bool = False) -> None:
    """Has the day's bill here with all its lines, asking Alipay only for what is not kept yet.

    A bill that was fetched before its day was over, or that had no line, is asked for again.
    Raises NotReady, BillRefused and Unreadable.
    """
    with transaction(engine) as connection:
        kept = find(connection, day)
    if fetch_again or kept is None or kept.lines == 0 or kept.asked_at < limits(day)[1]:
        kept = _fetch(engine, alipay, day)
    if kept.lines is None:
        read(engine, kept)


def _fetch(engine: Engine, alipay: Alipay, day: date) -> Bill:
    with transaction(engine) as connection:
        now: datetime = connection.execute(_NOW).scalar_one()
    url = bill.address(alipay, day, is_due=now >= limits(day)[1] + DUE_AFTER)
    if url is None:
        return keep(engine, Bill(day, now, 0), None)
    with bill.download(url) as archive:
        rows.check(archive)
        return keep(engine, Bill(day, now, None), archive)


def keep(engine: Engine, kept: Bill, archive: IO[bytes] | None) -> Bill:
    """Stores the archive in place of an older one; its lines are to be read then."""
    with transaction(engine) as connection:
        connection.execute(_KEEP, kept._asdict())
        connection.execute(_CLEAR_LINES, {"day": kept.day})
        put_archive(connection, kept.day, archive)
    return kept


def put_archive(connection: Connection, day: date, archive: IO[bytes] | None) -> None:
    """The day's archive is this one; the caller holds the bill's row."""
    connection.execute(_CLEAR_ARCHIVE, {"day": day})
    pieces = iter(lambda: archive.read(PIECE_BYTES), b"") if archive else ()
    for number, content in enumerate(pieces):
        connection.execute(_KEEP_PIECE, {"day": day, "piece": number, "bytes": content})


def read(engine: Engine, kept: Bill) -> None:
    """Keeps the lines of the stored archive. Raises Unreadable, and Unavailable when another one took its place.

    Each batch is a transaction of its own: a long one would hold up the event relay.
    """
    count = 0
    with SpooledTemporaryFile(max_size=bill.MEMORY_BYTES) as archive:
        unpack(engine, kept.day, archive)
        lines = rows.lines(archive)
        while batch := list(islice(lines, LINES_AT_ONCE)):
            _add(engine, kept, count, batch)
            count += len(batch)
    with transaction(engine) as connection:
        values = {"day": kept.day, "asked_at": kept.asked_at, "lines": count}
        if connection.execute(_COMPLETE, values).one_or_none() is None:
            raise Unavailable("the bill was fetched again meanwhile")
        connection.execute(_ANALYZE)


def unpack(engine: Engine, day: date, file: IO[bytes]) -> None:
    """The stored archive, as one file."""
    number = 0
    with transaction(engine) as connection:
        while content := connection.execute(_PIECE, {"day": day, "piece": number}).scalar():
            file.write(content)
            number += 1
    file.seek(0)


def _add(engine: Engine, kept: Bill, first: int, batch: list[Line]) -> None:
    columns = {name: array(getattr(line, name) for line in batch) for name in Line._fields}
    with transaction(engine) as connection:
        connection.execute(_ADD, {"day": kept.day, "asked_at": kept.asked_at, "first": first} | columns)
        for number in sorted({line.out_trade_no for line in batch if line.fen is None}):
            says = f"a line of the bill of {kept.day} about {number} can be read in more than one way, or in none"
            alarms.raise_alarm(connection, Alarm("bill_line_unclear", number, says))
