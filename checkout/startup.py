"""Whether what the settings name can serve at all: what never will is said at the start, with its cure.

A server that is merely away is waited for; a password, a name, a certificate or a key that is wrong is not.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from amqp.exceptions import AccessRefused, AMQPError, NotAllowed
from kombu.exceptions import KombuError
from redis import Redis, RedisError
from redis.exceptions import AuthenticationError, ResponseError
from sqlalchemy.exc import DBAPIError

from checkout import db, schema
from checkout.alipay import keys
from checkout.asking import within
from checkout.db import Engine, sql
from checkout.errors import SettingsError
from checkout.events import bus
from checkout.prices.policy import Policy
from checkout.settings import Settings

LONGEST_SECONDS = 10.0
ANSWER_SECONDS = 3
# libpq gives no SQLSTATE for what it is refused while it connects.
_VERDICTS = (
    *("authentication failed", "no password supplied", "pg_hba.conf", "does not exist", "no such database"),
    *("no such user", "certificate", "SSL error", "does not support SSL", "unsupported startup parameter"),
    *("could not translate host name", "permission denied", "invalid", "pooling mode"),
)
_PASSES = ("Temporary failure in name resolution", "unexpected eof", "SYSCALL")
_PID = sql("SELECT pg_backend_pid()")
_POOLER = (
    "a pooler there lends connections for less than a session: end the address with ?pooling=transaction where "
    "PgBouncer has pool_mode = transaction, or set pool_mode = session there, or name PostgreSQL itself"
)


class Fault(NamedTuple):
    """What is wrong with a setting and its cure; `may_pass`: the server may only be away."""

    says: str
    may_pass: bool


def faults(settings: Settings) -> list[Fault]:
    """What stands in the way, each system asked at the same time. Returns after `LONGEST_SECONDS` whatever hangs."""
    probes: dict[str, Callable[[Settings], Iterator[Fault]]] = {
        "CHECKOUT_ALIPAY_*": _keys,
        "CHECKOUT_PRICING": _prices,
        "CHECKOUT_DATABASE_URL": _database,
        "CHECKOUT_REDIS_URL": lambda told: _redis("CHECKOUT_REDIS_URL", told.redis_url),
        "CHECKOUT_BROKER_URL": lambda told: _broker("CHECKOUT_BROKER_URL", told.broker_url),
    }
    if settings.events_url != settings.broker_url:
        probes["CHECKOUT_EVENTS_URL"] = lambda told: _broker("CHECKOUT_EVENTS_URL", told.events_url)
    answers = within(LONGEST_SECONDS, {name: partial(_found, probe, settings) for name, probe in probes.items()})
    silent = {name: [Fault(f"{name} has not answered within 10 s", may_pass=True)] for name in probes}
    return [fault for found in (silent | answers).values() for fault in found]


def _found(probe: Callable[[Settings], Iterator[Fault]], settings: Settings) -> list[Fault]:
    return list(probe(settings))


def refuse_what_cannot_serve(settings: Settings) -> None:
    """Raises SettingsError for what waiting does not mend, a database of other code's tables included."""
    if wrong := [fault.says for fault in faults(settings) if not fault.may_pass] or _of_the_schema(settings):
        raise SettingsError("; ".join(wrong))


def _of_the_schema(settings: Settings) -> list[str]:
    """An empty database is only not ready yet, and one that is away says nothing."""
    engine = db.connect(settings.database_url, size=1, statement_seconds=ANSWER_SECONDS)
    try:
        with db.transaction(engine) as connection:
            if schema.state(connection) is None:
                return []
            why = schema.misfit(connection)
        return [f"CHECKOUT_DATABASE_URL names a database that does not fit: {why}"] if why else []
    except DBAPIError:
        return []
    finally:
        engine.dispose()


def _keys(settings: Settings) -> Iterator[Fault]:
    try:
        keys.load(settings)
    except SettingsError as error:
        yield Fault(str(error), may_pass=False)


def _prices(settings: Settings) -> Iterator[Fault]:
    try:
        Policy.of(settings)
    except SettingsError as error:
        yield Fault(str(error), may_pass=False)


def _database(settings: Settings) -> Iterator[Fault]:
    name = "CHECKOUT_DATABASE_URL"
    engine = db.connect(settings.database_url, size=2, statement_seconds=ANSWER_SECONDS, by_index=False)
    try:
        with db.transaction(engine) as connection:  # Which a pooler that lends for a statement refuses.
            is_known = db.is_lent(connection)
        if not is_known and _is_pooled_by_transaction(engine):
            yield Fault(f"{name} is wrong: {_POOLER}", may_pass=False)
    except SettingsError as error:
        yield Fault(f"{name} is wrong: {error}", may_pass=False)
    except DBAPIError as error:
        told = str(error.orig).strip()
        is_verdict = any(words in told for words in _VERDICTS) and not any(words in told for words in _PASSES)
        says = "is wrong" if is_verdict else "does not answer"
        why = _POOLER if "pooling mode" in told else (told.splitlines() or [type(error).__name__])[0][:200]
        yield Fault(f"{name} {says}: {why}", may_pass=not is_verdict)
    finally:
        engine.dispose()


def _is_pooled_by_transaction(engine: Engine) -> bool:
    """Whether a session of ours is not one of the server's: prepared statements and settings would go astray.

    A pooler hands the server's connection on between two transactions: to the second of ours, or in turn.
    """
    with engine.connect() as first, engine.connect() as second:
        pids = [one.execute(_PID).scalar() for one in (first, second, first, second)]
    return pids[0] == pids[1] or pids[:2] != pids[2:]


def _redis(name: str, url: str) -> Iterator[Fault]:
    try:
        with Redis.from_url(url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS) as redis:
            redis.ping()
    except (RedisError, ValueError) as error:
        # A server that loads its data or follows a broken master answers so, and it passes.
        is_verdict = isinstance(error, AuthenticationError | ResponseError | ValueError) and not str(error).startswith(
            ("LOADING", "MASTERDOWN", "BUSY", "CLUSTERDOWN", "READONLY")
        )
        yield _of_a_server(name, error, is_verdict=is_verdict)


def _broker(name: str, url: str) -> Iterator[Fault]:
    if url.startswith("redis"):
        yield from _redis(name, url)
        return
    try:
        with bus.connect(url) as connection:
            connection.connect()
    except (AMQPError, KombuError, OSError) as error:
        is_verdict = any(isinstance(one, AccessRefused | NotAllowed) for one in _chain(error))
        yield _of_a_server(name, error, is_verdict=is_verdict)


def _of_a_server(name: str, error: Exception, *, is_verdict: bool) -> Fault:
    for one in _chain(error):
        if isinstance(one, ssl.SSLError):
            return Fault(f"{name} is wrong: {_tls_cure(one)}", may_pass=False)
        if isinstance(one, socket.gaierror) and one.errno != socket.EAI_AGAIN:
            return Fault(f"{name} is wrong: nobody knows its host ({one.strerror})", may_pass=False)
    first_line = (str(error).splitlines() or [type(error).__name__])[0][:200]
    if is_verdict:
        return Fault(
            f"{name} is wrong: the server refuses user, password, database or virtual host: {first_line}", False
        )
    return Fault(f"{name} does not answer: {first_line or type(error).__name__}", may_pass=True)


def _tls_cure(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold ({error.verify_message}): name its CA with ?ssl_ca_certs=FILE"
    return f"there is no TLS as we speak it ({error.reason}): see port and scheme"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what caused it; libraries wrap what we look for."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
