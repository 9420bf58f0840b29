"""Who hears of events by HTTP, of which, and with what secret they are signed."""

from __future__ import annotations

import re
import secrets
from base64 import b64encode
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from checkout.audit import alarms
from checkout.db import Connection, array, command, sql
from checkout.errors import Invalid, NotFound
from checkout.events import fence
from checkout.events.topics import TOPICS
from checkout.webhooks import posting, subjects

# Each has a thread of its own among the workers of the queue webhooks.
MOST_ENDPOINTS = 16
MOST_TOPICS = 20
LONGEST_URL = 2000
SECRET_BYTES = 32
ROTATION_HOURS = 24
_PATTERN = re.compile(r"(?:[a-z_]+|\*|#)(?:\.(?:[a-z_]+|\*|#))*")


class Endpoint(NamedTuple):
    """One of them, without its secret. `set_aside` is how many subjects wait behind an event that was not taken."""

    id: int
    url: str
    topics: list[str]
    private: bool
    created_at: datetime
    reached: int
    failures: int
    next_try_at: datetime | None
    gone: bool
    last_at: datetime | None
    last_answer: str | None
    former_until: datetime | None
    set_aside: int


class Secret(NamedTuple):
    """A new secret, to be shown once; `former_until` is until when the one before signs as well."""

    endpoint_id: int
    secret: str
    former_until: datetime | None


_ENDPOINTS = """
    SELECT id, url, topics, private, created_at, reached, failures, next_try_at, gone, last_at, last_answer,
        CASE WHEN former_until > now() THEN former_until END,
        (SELECT count(*) FROM webhook_subjects s WHERE s.endpoint_id = e.id)
    FROM webhook_endpoints e
"""
_ALL = sql(_ENDPOINTS + "ORDER BY id")
_FIND = sql(_ENDPOINTS + "WHERE id = :id")
# One at a time: the count is exact.
_LOCK = command("LOCK TABLE webhook_endpoints IN SHARE ROW EXCLUSIVE MODE")
_COUNT = sql("SELECT count(*) FROM webhook_endpoints")
_ADD = sql("""
    INSERT INTO webhook_endpoints (url, topics, secret, private, reached)
    VALUES (:url, CAST(:topics AS text[]), :secret, :private, :reached) RETURNING id
""")
_ROTATE = sql("""
    UPDATE webhook_endpoints SET former_secret = secret, secret = :secret,
        former_until = now() + make_interval(hours => :hours)
    WHERE id = :id RETURNING former_until
""")
_CHANGE = sql("""
    UPDATE webhook_endpoints SET topics = COALESCE(CAST(:topics AS text[]), topics), url = COALESCE(:url, url),
        private = CASE WHEN :url IS NULL THEN private ELSE :private END
    WHERE id = :id RETURNING id
""")
_REMOVE = sql("DELETE FROM webhook_endpoints WHERE id = :id RETURNING id")
# Whoever delivers just now has lost its lease, and with it the right to move the endpoint on.
_REPLAY = sql("""
    UPDATE webhook_endpoints SET reached = LEAST(COALESCE(:after, reached), reached),
        failures = 0, next_try_at = NULL, gone = false, holder = NULL, leased_until = '-infinity'
    WHERE id = :id RETURNING id
""")
_FORGET_SUBJECTS = command("DELETE FROM webhook_subjects WHERE endpoint_id = :id AND event_id > :after")
_SECRETS = sql(
    "SELECT secret, CASE WHEN former_until > now() THEN former_secret END FROM webhook_endpoints WHERE id = :id"
)


def all_of(connection: Connection) -> list[Endpoint]:
    """All of them, the oldest first."""
    return [Endpoint(*row) for row in connection.execute(_ALL)]


def find(connection: Connection, endpoint_id: int) -> Endpoint:
    """Raises NotFound."""
    row = connection.execute(_FIND, {"id": endpoint_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no webhook {endpoint_id}")
    return Endpoint(*row)


def add(
    connection: Connection, url: str, topics: Sequence[str], *, private: bool = False, after: int | None = None
) -> Secret:
    """Has the endpoint hear of these topics: of what happens from now on, or of what the log has after that event.

    `private` allows http. Where the address lies `require_allowed` says, before. Raises Invalid.
    """
    _check(topics)
    _check_url(url, private)
    connection.execute(_LOCK)
    if connection.execute(_COUNT).scalar_one() >= MOST_ENDPOINTS:
        raise Invalid(f"there are {MOST_ENDPOINTS} webhooks; remove one first", "url")
    now = fence.drawn(connection)
    reached = now if after is None else min(after, now)
    values = {"url": url, "topics": array(topics), "private": private, "reached": reached}
    secret = _secret()
    return Secret(connection.execute(_ADD, values | {"secret": secret}).scalar_one(), secret, None)


def change(
    connection: Connection, endpoint_id: int, url: str | None, topics: Sequence[str] | None, *, private: bool = False
) -> None:
    """Another address, or other topics, for what it has not taken yet. It keeps its secret and its place in the log.

    What waits is tried at once. `private` is of the address, as in `add`. Raises Invalid and NotFound.
    """
    if topics is not None:
        _check(topics)
    if url is not None:
        _check_url(url, private)
    values = {"id": endpoint_id, "url": url, "topics": None if topics is None else array(topics), "private": private}
    if connection.execute(_CHANGE, values).one_or_none() is None:
        raise NotFound(f"there is no webhook {endpoint_id}")
    replay(connection, endpoint_id)


def rotate(connection: Connection, endpoint_id: int) -> Secret:
    """A new secret; for a day what is sent is signed with the one before as well. Raises NotFound."""
    secret = _secret()
    values = {"id": endpoint_id, "secret": secret, "hours": ROTATION_HOURS}
    row = connection.execute(_ROTATE, values).one_or_none()
    if row is None:
        raise NotFound(f"there is no webhook {endpoint_id}")
    return Secret(endpoint_id, secret, row.former_until)


def remove(connection: Connection, endpoint_id: int) -> None:
    """Raises NotFound."""
    if connection.execute(_REMOVE, {"id": endpoint_id}).one_or_none() is None:
        raise NotFound(f"there is no webhook {endpoint_id}")
    alarms.settle(connection, [subject(endpoint_id)], alarms.OF_WEBHOOKS)


def replay(connection: Connection, endpoint_id: int, after: int | None = None) -> None:
    """Sends again what the log has after that event, or without one at once what waits. Raises NotFound.

    An endpoint that was gone is tried again.
    """
    if connection.execute(_REPLAY, {"id": endpoint_id, "after": after}).one_or_none() is None:
        raise NotFound(f"there is no webhook {endpoint_id}")
    subjects.hasten(connection, endpoint_id)
    if after is not None:
        connection.execute(_FORGET_SUBJECTS, {"id": endpoint_id, "after": after})
    alarms.settle(connection, [subject(endpoint_id)], alarms.OF_WEBHOOKS)


def secrets_of(connection: Connection, endpoint_id: int) -> list[str]:
    """With which its messages are signed now. Raises NotFound."""
    row = connection.execute(_SECRETS, {"id": endpoint_id}).one_or_none()
    if row is None:
        raise NotFound(f"there is no webhook {endpoint_id}")
    return [secret for secret in row if secret]


def subject(endpoint_id: int) -> str:
    """What alarms call it."""
    return f"webhook {endpoint_id}"


def wants(topics: Collection[str], topic: str) -> bool:
    """Whether one of the patterns fits: `*` is one word, `#` any number of them, as AMQP has it."""
    return any(_fits(pattern.split("."), topic.split(".")) for pattern in topics)


def _fits(pattern: Sequence[str], words: Sequence[str]) -> bool:
    if not pattern:
        return not words
    if pattern[0] == "#":
        return any(_fits(pattern[1:], words[count:]) for count in range(len(words) + 1))
    return bool(words) and pattern[0] in ("*", words[0]) and _fits(pattern[1:], words[1:])


def _secret() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def require_allowed(url: str, private: bool) -> None:
    """Looks the name up, which may take a while. `private` allows this machine and private networks. Raises Invalid.

    A name that nobody knows yet may be made later: it is looked up again before each connection.
    """
    _check_url(url, private)
    parts = urlsplit(url)
    try:
        posting.addresses(parts.hostname or "", parts.port or 443, private)
    except posting.NotAllowed as refused:
        raise Invalid(str(refused), "url") from None
    except OSError:
        return


def _check(topics: Sequence[str]) -> None:
    if not 0 < len(topics) <= MOST_TOPICS:
        raise Invalid(f"1 to {MOST_TOPICS} topics are expected", "topics")
    for pattern in topics:
        if not (_PATTERN.fullmatch(pattern) and any(wants([pattern], topic) for topic in TOPICS)):
            raise Invalid(f"no event fits {pattern[:100]!r}; see docs/events.md", "topics")


def _check_url(url: str, private: bool) -> None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid("the address cannot be read", "url") from None
    is_odd = (
        any(not 0 < len(part) < 64 for part in host.removesuffix(".").split("."))
        or not url.isascii()
        or not url.isprintable()
        or " " in url
        or len(url) > LONGEST_URL
    )
    if is_odd or "#" in url or "@" in parts.netloc or not host or port == 0:
        raise Invalid("an address is expected without a user, a fragment or special characters", "url")
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise Invalid("https is needed", "url")
