"""One message to one endpoint: signed, over an address that was looked at, with an end to every wait."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

from checkout.errors import CheckoutError
from checkout.events.log import CONTENT_TYPE

CONNECT_SECONDS = 3.0
MOST_ADDRESSES = 3
HANDSHAKE_SECONDS = 5.0
POST_SECONDS = 15.0
LONGEST_ANSWER = 200
_READ_BYTES = 1024


class NotAllowed(CheckoutError):
    """The address lies where no message may go."""

    code = "address_not_allowed"


class Answer(NamedTuple):
    """What came back; `status` is None when nobody answered. `text` is bounded, and what the receiver wrote of it.

    `is_sent`: the message went out, so that it may be this message to which nobody answers.
    """

    status: int | None
    text: str
    is_sent: bool = True

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def kind(self) -> str:
        """As it is counted."""
        return "taken" if self.is_taken else "unanswered" if self.status is None else "refused"

    @property
    def is_gone(self) -> bool:
        """The receiver wants no message any more (Standard Webhooks)."""
        return self.status == 410

    @property
    def is_away(self) -> bool:
        """Nobody is there, or somebody who can take nothing just now: it is not about this message."""
        return self.status in (None, 429, 502, 503, 504)


class Address(NamedTuple):
    """Where to connect to, in numbers: nobody asks for a name again."""

    family: socket.AddressFamily
    place: Any  # As the family has it: host, port and, for IPv6, more.


def addresses(host: str, port: int, private: bool) -> list[Address]:
    """What the name stands for now. Raises NotAllowed when any of it is not public, and OSError for no address."""
    try:
        found = [Address(info[0], info[4]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:  # A part of it is longer than a name's may be.
        raise OSError("that is no name of a host") from error
    for address in found:
        if not private and not _is_public(str(address.place[0])):
            raise NotAllowed(f"{host} is {address.place[0]}, which is no public address")
    return found


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
        if address not in _GIVEN_OUT:
            return False
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What else may look global was never given to anybody (IANA, IPv6 Global Unicast Address Assignments).
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")


class Postman:
    """Sends to one endpoint, over a few connections that are kept; each thread has its own."""

    def __init__(self, url: str, secrets: Sequence[str], private: bool) -> None:
        """Looks the address up: what was looked at is what is connected to. Raises NotAllowed and OSError."""
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "https"
        name = parts.hostname or ""
        self._host = name.removesuffix(".")  # TLS and HTTP know names without the dot that may end them.
        self._port = parts.port or (443 if self._is_tls else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._signers = [Webhook(secret) for secret in secrets]
        self._addresses = addresses(name, self._port, private)[:MOST_ADDRESSES]
        self._context = ssl.create_default_context() if self._is_tls else None
        self._own = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def post(self, message_id: str, body: bytes, traceparent: str = "") -> Answer:
        """Sends one message; twice when a kept connection had ended meanwhile, and nobody knows whether it arrived."""
        try:
            if getattr(self._own, "connection", None) is not None:
                with suppress(_Ended):
                    return self._exchange(message_id, body, traceparent)
            if (away := self._connect()) is not None:
                return _nobody(away, is_sent=False)
            return self._exchange(message_id, body, traceparent)
        except (OSError, http.client.HTTPException, ValueError, _Ended) as error:
            self._drop()
            return _nobody(error.__cause__ if isinstance(error, _Ended) else error)

    def close(self) -> None:
        """All connections of all threads."""
        for connection in self._all:
            connection.close()

    def headers(self, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
        """Standard Webhooks' own; one signature for each secret that holds now."""
        signatures = [signer.sign(message_id, now, body.decode()) for signer in self._signers]
        return {
            "Content-Type": CONTENT_TYPE,
            "User-Agent": "checkout-webhooks",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _connect(self) -> OSError | None:
        """Returns why nobody could be reached."""
        self._drop()
        try:
            reached = self._reached()
            if self._context is not None:
                reached = self._secured(self._context, reached)
        except OSError as error:
            return error
        made = http.client.HTTPConnection if self._context is None else http.client.HTTPSConnection
        connection = made(self._host, self._port)
        connection.sock = reached
        self._own.connection = connection
        self._all.append(connection)
        return None

    def _secured(self, context: ssl.SSLContext, plain: socket.socket) -> socket.socket:
        """Raises OSError. The limit is that of the whole handshake, however slowly the other side goes on."""
        try:
            plain.settimeout(HANDSHAKE_SECONDS)
            secured = context.wrap_socket(plain, server_hostname=self._host)
            secured.settimeout(POST_SECONDS)
            return secured
        except BaseException:
            plain.close()
            raise

    def _reached(self) -> socket.socket:
        for address in self._addresses[:-1]:
            with suppress(OSError):
                return self._connected(address)
        return self._connected(self._addresses[-1])

    def _connected(self, address: Address) -> socket.socket:
        made = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            made.settimeout(CONNECT_SECONDS)
            made.connect(address.place)
            made.settimeout(POST_SECONDS)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            made.close()
            raise
        return made

    def _exchange(self, message_id: str, body: bytes, traceparent: str) -> Answer:
        connection = self._own.connection
        headers = self.headers(message_id, body, datetime.now(UTC))
        if traceparent:
            headers["traceparent"] = traceparent
        with _Deadline(connection.sock) as deadline:
            try:
                connection.request("POST", self._path, body, headers)
                response = connection.getresponse()
            except (ConnectionError, http.client.BadStatusLine) as error:
                if deadline.is_over:
                    raise TimeoutError from error
                raise _Ended from error
            text = response.read(_READ_BYTES)
        if response.will_close or not response.isclosed():  # What is longer is not waited for.
            self._drop()
        return Answer(response.status, f"{response.status} {_printable(text)}".strip())

    def _drop(self) -> None:
        connection = getattr(self._own, "connection", None)
        if connection is not None:
            connection.close()
            self._all.remove(connection)
            self._own.connection = None


def _nobody(why: BaseException | None, *, is_sent: bool = True) -> Answer:
    return Answer(None, f"nobody answered: {type(why).__name__}", is_sent)


def _printable(text: bytes) -> str:
    """What the database takes and a terminal may show, whatever came over the wire."""
    words = "".join(one if one.isprintable() else " " for one in text.decode(errors="replace"))
    return " ".join(words.split())[:LONGEST_ANSWER]


class _Ended(Exception):
    """A kept connection was ended by the other side before it answered."""


class _Deadline:
    """Ends a connection when its time is over, however slowly the other side goes on."""

    def __init__(self, connection: socket.socket) -> None:
        self._timer = threading.Timer(POST_SECONDS, self._cut, [connection])
        self._timer.daemon = True
        self.is_over = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()

    def _cut(self, connection: socket.socket) -> None:
        self.is_over = True
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)  # Not TLS's own farewell, which would wait.
