"""The door: writes accepted orders, once per user and key, many at a time. A 202 rests on its commit.

Who wants what has run short is looked at before, and nothing is written when it is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import msgspec

from checkout.db import Connection, array, command, sql
from checkout.orders import allocation
from checkout.orders.allocation import Refusal
from checkout.stock import units
from checkout.traces import kept


class Address(msgspec.Struct, frozen=True):
    """Where the goods go."""

    recipient: str
    phone: str
    region: str
    detail: str


class Request(msgspec.Struct, frozen=True):
    """An order as it was asked for, normalised: SKUs summed and sorted. `lines` is empty until a cart was read."""

    user_id: int
    key: str
    lines: tuple[tuple[str, int], ...]
    from_cart: bool
    pay_method: str
    address: Address
    remark: str
    expected_total_fen: int | None
    reference: str = ""
    metadata: tuple[tuple[str, str], ...] = ()  # sorted by name
    traceparent: str = ""  # No part of what is asked for: it says who tells the story.

    @property
    def digest(self) -> str:
        """What makes the key this user's."""
        return digest(self.user_id, self.key)

    @property
    def fingerprint(self) -> str:
        """What makes it the same request; a cart's content is not part of it, that it comes from the cart is.

        What came later counts only where it is said: a request without it stays the same for older code's orders.
        """
        lines = () if self.from_cart else self.lines
        said: tuple[object, ...]
        said = (lines, self.from_cart, self.pay_method, self.address, self.remark, self.expected_total_fen)
        if self.reference or self.metadata:
            said = (*said, self.reference, self.metadata)
        return digest(msgspec.json.encode(said).decode())


class Accepted(NamedTuple):
    """The order that a request has now. `replayed`: it was there before; `reused`: for another request."""

    order_id: int
    accepted_at: datetime | None
    replayed: bool = False
    reused: bool = False


class Stored(NamedTuple):
    """A key's order; `fingerprint` and no time when it was there before."""

    fingerprint: str | None
    order_id: int
    accepted_at: datetime | None


def digest(*parts: object) -> str:
    """16 bytes in hex that stand for these parts, for a uuid column; the audit derives them again in SQL."""
    return sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


# One lock per key for all day partitions together; sorted, so that two batches never wait in a ring. What looks a key
# up is a statement behind it, because only its snapshot sees what the last holder of the lock has committed.
_LOCK_KEYS = command("""
    SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key
""")
_KNOWN = sql("""
    SELECT digest::text, fingerprint::text, order_id FROM order_keys
    WHERE digest = ANY(CAST(:digests AS uuid[])) AND day >= (now() AT TIME ZONE 'UTC')::date - 8
""")
_INSERT = sql("""
    WITH known AS MATERIALIZED (
        SELECT digest, fingerprint, order_id FROM order_keys
        WHERE digest = ANY(CAST(:digests AS uuid[])) AND day >= (now() AT TIME ZONE 'UTC')::date - 8
    ), asked AS MATERIALIZED (
        SELECT nextval('orders_id_seq') AS id, a.* FROM unnest(
            CAST(:digests AS uuid[]), CAST(:fingerprints AS uuid[]), CAST(:keys AS text[]), CAST(:user_ids AS bigint[]),
            CAST(:sku_ids AS text[]), CAST(:quantities AS text[]), CAST(:from_cart AS bool[]),
            CAST(:pay_methods AS pay_method[]), CAST(:recipients AS text[]), CAST(:phones AS text[]),
            CAST(:regions AS text[]), CAST(:details AS text[]), CAST(:remarks AS text[]), CAST(:expected AS bigint[]),
            CAST(:references AS text[]), CAST(:metadata AS text[])
        ) AS a (digest, fingerprint, key, user_id, sku_ids, quantities, from_cart, pay_method, recipient, phone, region,
            detail, remark, expected_total_fen, reference, metadata)
        WHERE NOT EXISTS (SELECT FROM known WHERE known.digest = a.digest)
    ), kept AS (
        INSERT INTO orders (id, user_id, sku_ids, quantities, from_cart, pay_method, recipient, phone, region, detail,
            remark, expected_total_fen, reference, metadata)
        OVERRIDING SYSTEM VALUE
        SELECT id, user_id, sku_ids::text[], quantities::int[], from_cart, pay_method, recipient, phone, region, detail,
            remark, expected_total_fen, reference, metadata::jsonb
        FROM asked
    ), keyed AS (
        INSERT INTO order_keys (digest, fingerprint, key, order_id) SELECT digest, fingerprint, key, id FROM asked
    ), queued AS (
        INSERT INTO arrivals (order_id) SELECT id FROM asked
    )
    SELECT digest::text, NULL AS fingerprint, id, now() FROM asked
    UNION ALL SELECT digest::text, fingerprint::text, order_id, NULL FROM known
""")


def known(connection: Connection, request: Request) -> Accepted | None:
    """The order that this key made before, if any."""
    found = _known(connection, [request.digest]).get(request.digest)
    return _replay(request.fingerprint, found) if found else None


def look(connection: Connection, requests: Sequence[Request]) -> list[Accepted | Refusal | None]:
    """For each request the order that its key made before, else why it is refused, else None: it may come in.

    Who tries again beside his own first try waits for it. The stock is read after that, and decides.
    """
    digests = [request.digest for request in requests]
    _lock_keys(connection, digests)
    found = _known(connection, sorted(set(digests)))
    skus = units.peek(connection, sorted({sku_id for request in requests for sku_id, _ in request.lines}))
    return [
        _replay(request.fingerprint, found[digest]) if digest in found else allocation.at_the_door(request.lines, skus)
        for request, digest in zip(requests, digests, strict=True)
    ]


def accept(connection: Connection, requests: Sequence[Request]) -> list[Accepted]:
    """Stores what is new and says for each request, in their order, which order it has."""
    digests = [request.digest for request in requests]
    fingerprints = [request.fingerprint for request in requests]
    _lock_keys(connection, digests)
    first: dict[str, int] = {}
    for place, digest in enumerate(digests):
        first.setdefault(digest, place)
    stored = _insert(connection, [(digests[i], fingerprints[i], requests[i]) for i in first.values()])
    _keep_traces(connection, [(stored[digests[i]], requests[i].traceparent) for i in first.values()])
    answers = []
    for place, (digest, fingerprint) in enumerate(zip(digests, fingerprints, strict=True)):
        before, order_id, accepted_at = stored[digest]
        if before is None and first[digest] == place:
            answers.append(Accepted(order_id, accepted_at))
        else:
            answers.append(_replay(fingerprint, (before or fingerprints[first[digest]], order_id)))
    return answers


def _keep_traces(connection: Connection, asked: Sequence[tuple[Stored, str]]) -> None:
    new = ((stored.order_id, traceparent) for stored, traceparent in asked if stored.fingerprint is None)
    kept.keep(connection, {order_id: traceparent for order_id, traceparent in new if traceparent})


def _lock_keys(connection: Connection, digests: Sequence[str]) -> None:
    connection.execute(_LOCK_KEYS, {"keys": array(sorted({_lock_key(digest) for digest in digests}))})


def _replay(fingerprint: str, found: tuple[str, int]) -> Accepted:
    return Accepted(found[1], None, replayed=True, reused=found[0] != fingerprint)


def _lock_key(digest: str) -> int:
    return int.from_bytes(bytes.fromhex(digest[:16]), "big", signed=True)


def _known(connection: Connection, digests: Sequence[str]) -> dict[str, tuple[str, int]]:
    rows = connection.execute(_KNOWN, {"digests": array(digests)}).all()
    return {_bare(digest): (_bare(fingerprint), order_id) for digest, fingerprint, order_id in rows}


def _bare(uuid: str) -> str:
    """PostgreSQL writes the type with dashes."""
    return uuid.replace("-", "")


_ROW = (
    *("digests", "fingerprints", "keys", "user_ids", "sku_ids", "quantities", "from_cart", "pay_methods"),
    *("recipients", "phones", "regions", "details", "remarks", "expected", "references", "metadata"),
)


def _insert(connection: Connection, asked: Sequence[tuple[str, str, Request]]) -> dict[str, Stored]:
    """The order of each digest: a new one, unless its key has one."""
    if not asked:
        return {}
    columns = dict(zip(_ROW, map(array, zip(*(_row(*row) for row in asked), strict=True)), strict=True))
    rows = connection.execute(_INSERT, columns).all()
    return {
        _bare(digest): Stored(fingerprint and _bare(fingerprint), order_id, accepted_at)
        for digest, fingerprint, order_id, accepted_at in rows
    }


def _row(hashed: str, fingerprint: str, request: Request) -> tuple[object, ...]:
    sku_ids, quantities = zip(*request.lines, strict=True)
    address = request.address
    return (
        *(hashed, fingerprint, request.key, request.user_id, array(sku_ids), array(quantities), request.from_cart),
        *(request.pay_method, address.recipient, address.phone, address.region, address.detail),
        *(request.remark, request.expected_total_fen, request.reference),
        msgspec.json.encode(dict(request.metadata)).decode() if request.metadata else None,
    )
