"""The database, its clock and schema, the carts' Redis and the brokers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from redis import Redis, RedisError, ResponseError
from sqlalchemy.exc import DBAPIError

from checkout import db, schema
from checkout.audit import heartbeats, results
from checkout.db import Connection, sql
from checkout.events import bus
from checkout.postgres import faults
from checkout.settings import Settings
from ops.checkup import Diagnosis, waits
from ops.shell import reason

ANSWER_SECONDS = 3
SKEW_SECONDS = 2.0
LARGEST_SKEW_SECONDS = 30.0
# PostgreSQL's SQLSTATEs.
QUERY_CANCELED, DISK_FULL = "57014", "53100"
FULL_CURE = "free space on its disk (logs, dumps, older backups), see docs/runbook.md#the-disk-is-full"

_NOW = sql("SELECT clock_timestamp()")
_TOMORROW = sql("""
    SELECT to_regclass('events_' || to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYYMMDD')) IS NOT NULL
""")
_UNSENT = sql("""
    SELECT now() - at FROM events WHERE id = (SELECT min(id) FROM events WHERE id > (SELECT published FROM relay))
        AND at < now() - interval '10 seconds'
""")


def database(told: Settings) -> Iterator[Diagnosis]:
    """Its clock, our schema, and what waits there. Who holds a lock comes before those whom it may hold up."""
    engine = db.connect(told.database_url, size=1, statement_seconds=ANSWER_SECONDS)
    try:
        with engine.connect() as connection:
            yield _clock(connection)
            yield waits.locks(connection)
            yield (found := _schema(connection))
            if found.state != "fail":
                yield _relay(connection)
                yield _loops(connection)
                yield _audit(connection)
                yield waits.orders(connection)
                yield waits.stuck(connection)
    except DBAPIError as error:
        yield Diagnosis("database", "fail", f"{reason(error)}: {_cure(error)}")
    finally:
        engine.dispose()


def _cure(error: DBAPIError) -> str:
    if db.sqlstate(error) == QUERY_CANCELED:
        return "it answers too slowly: see the line locks, then docs/runbook.md#the-database-is-away-or-slow"
    if is_full(error):
        return FULL_CURE
    return "start it, or mend CHECKOUT_DATABASE_URL"


def is_full(error: Exception) -> bool:
    """Whether the disk of whoever says so is."""
    return db.sqlstate(error) == DISK_FULL or faults.is_full(str(error))


def _clock(connection: Connection) -> Diagnosis:
    before = datetime.now(UTC)
    its: datetime = connection.execute(_NOW).scalar_one()
    after = datetime.now(UTC)
    skew_seconds = (its - before - (after - before) / 2).total_seconds()
    apart = f"{abs(skew_seconds):.2f}"
    ahead = f"the database's is {apart} s before this machine's"
    seen = ahead if skew_seconds > 0 else f"the database's is {apart} s behind this machine's"
    if abs(skew_seconds) <= SKEW_SECONDS:
        return Diagnosis("clock", "ok", seen)
    state = "warn" if abs(skew_seconds) <= LARGEST_SKEW_SECONDS else "fail"
    return Diagnosis("clock", state, f"{seen}: let NTP set both")


def _schema(connection: Connection) -> Diagnosis:
    if why := schema.misfit(connection):
        return Diagnosis("schema", "fail", why)
    if not connection.execute(_TOMORROW).scalar_one():
        return Diagnosis("schema", "warn", "tomorrow has no partitions yet: see that beat and the workers run")
    if not schema.is_finished(connection, schema.ERASURE_SINCE):
        return Diagnosis(
            "schema", "warn", "an upgrade is not finished: end older processes, then checkout migrate --finish"
        )
    return Diagnosis("schema", "ok", "our tables are there, and tomorrow's partitions")


def _relay(connection: Connection) -> Diagnosis:
    age = connection.execute(_UNSENT).scalar()
    if age is None:
        return Diagnosis("relay", "ok", "no event has waited longer than 10 s to be sent")
    cure = "see that beat, the workers of the queue default and the event broker run"
    return Diagnosis("relay", "fail", f"events have waited for {age.total_seconds():.0f} s: {cure}")


def _loops(connection: Connection) -> Diagnosis:
    """Progress, not life: a frozen process answers to nobody, and looks well in a list of processes."""
    loops = heartbeats.all_of(connection)
    if silent := [f"{one.loop} for {one.seconds} s" for one in loops if one.stands_still]:
        return Diagnosis("loops", "fail", f"no round of {', '.join(silent)}: start their process again")
    if faults := [f"{one.loop} met {one.last_fault}" for one in loops if one.is_fresh and one.loop != results.LOOP]:
        return Diagnosis("loops", "warn", f"{', '.join(faults)}: see its log, and report it")
    return Diagnosis("loops", "ok", "each makes its rounds")


def _audit(connection: Connection) -> Diagnosis:
    """What it found stands until another finds that it is mended."""
    last = results.last(connection)
    if last is None:
        return Diagnosis("audit", "ok", "nobody has proven the books yet: see that checkout audit runs once a day")
    if last.broken:
        cure = "see docs/runbook.md#the-audit-found-a-breach, then run checkout audit again"
        return Diagnosis("audit", "fail", f"broken: {last.broken}: {cure}")
    hours = int(last.age / timedelta(hours=1))
    if last.age > results.LONGEST_AGE:
        return Diagnosis(
            "audit", "warn", f"the books were proven {hours} h ago: see that checkout audit runs once a day"
        )
    return Diagnosis("audit", "ok", f"the books were proven {hours} h ago")


def carts(told: Settings) -> Iterator[Diagnosis]:
    """The Redis of carts and wake-ups."""
    yield _redis("carts", told.redis_url, "buyers lose their carts")


def brokers(told: Settings) -> Iterator[Diagnosis]:
    """The broker of the tasks, and that of the events when it is another."""
    yield _broker("broker", told.broker_url)
    if told.events_url != told.broker_url:
        yield _broker("events", told.events_url)


def _broker(name: str, url: str) -> Diagnosis:
    if url.startswith("redis"):
        return _redis(name, url, "subscribers lose waiting events, and must read them from the log")
    if bus.reachable(url):
        return Diagnosis(name, "ok", "RabbitMQ answers, and its queues are durable")
    return Diagnosis(name, "fail", "RabbitMQ does not answer: start it, or mend its address")


def _redis(name: str, url: str, loss: str) -> Diagnosis:
    try:
        with Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS) as redis:
            redis.ping()
            return _persistence(name, redis, loss)
    except RedisError as error:
        cure = FULL_CURE if is_full(error) else "start it, or mend its address"
        return Diagnosis(name, "fail", f"Redis does not answer ({error}): {cure}")


def _persistence(name: str, redis: Redis, loss: str) -> Diagnosis:
    try:
        held = redis.config_get("appendonly", "maxmemory", "maxmemory-policy")
    except ResponseError:
        return Diagnosis(name, "warn", "Redis does not tell its configuration: see yourself that appendonly is yes")
    if held["maxmemory"] != "0" and held["maxmemory-policy"] != "noeviction":
        return Diagnosis(name, "fail", f"when Redis is full, {loss}: set maxmemory-policy noeviction")
    if held["appendonly"] != "yes":
        return Diagnosis(name, "warn", f"when Redis stops, {loss}: set appendonly yes")
    return Diagnosis(name, "ok", "Redis answers, writes all down and evicts nothing")
