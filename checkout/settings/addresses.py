"""Addresses as the environment gives them: strict, since a library would take each half-right one in its own way."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GATEWAY_PATH = "/gateway.do"

_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_REDIS_DATABASE = re.compile(r"(/[0-9]{0,4})?")
_VERIFIED = ("required", "CERT_REQUIRED")
# What may stand in a broker's or Redis' URL about TLS; both redis-py and kombu know the names.
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS_SCHEMES = ("rediss", "amqps")


class Misfit(ValueError):
    """A value that cannot be meant; the message is its cure."""


def address(*schemes: str) -> Callable[[str], str]:
    """A parser of URLs with one of the schemes. Raises Misfit."""

    def parse(text: str) -> str:
        _split(text, schemes)
        return text.rstrip("/")

    return parse


def _split(text: str, schemes: tuple[str, ...]) -> SplitResult:
    if text != text.strip() or not text.isprintable():
        raise Misfit("blanks and control characters have no place in an address")
    parts = urlsplit(text)
    if parts.scheme not in schemes:
        raise ValueError("another scheme")
    # All of these end the name or the host too early, for one library or another.
    is_cut = "#" in text or "@" in parts.path + parts.query or parts.netloc.count("@") > 1
    if is_cut or _BAD_PERCENT.search(text) or not _has_port(parts):
        raise Misfit("write special characters of user and password as %XX (@ is %40, / is %2F, # is %23, % is %25)")
    return parts


def _has_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _with_host(text: str, schemes: tuple[str, ...]) -> SplitResult:
    parts = _split(text, schemes)
    if not parts.hostname or not _can_be_asked_for(parts.hostname):
        raise Misfit(f"name the host: {parts.scheme}://host")
    return parts


def _can_be_asked_for(host: str) -> bool:
    """Python's resolver raises no OSError for a name with an empty or too long part."""
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def http(text: str) -> str:
    """An address that paths are added to. Raises Misfit."""
    if _with_host(text, ("http", "https")).query or "?" in text:
        raise Misfit("leave out the ? and what follows")
    return text.rstrip("/")


def optional_http(text: str) -> str:
    """The same, or nothing. Raises Misfit."""
    return http(text) if text else ""


def gateway(text: str) -> str:
    """Alipay's gateway: https outside this machine, since amounts and buyers pass. Raises Misfit."""
    url = http(text)
    if not url.endswith(GATEWAY_PATH):
        raise Misfit(f"the address of Alipay's gateway ends in {GATEWAY_PATH}")
    return private(url)


def private(text: str) -> str:
    """An address that nobody between here and there reads or changes. Raises Misfit and ValueError."""
    parts = _with_host(text, ("http", "https"))
    if parts.scheme != "https" and not is_loopback(text):
        raise ValueError("not https")
    return text


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's own, where nobody else can listen."""
    return urlsplit(url).hostname in LOOPBACK


def is_sandbox(gateway_url: str) -> bool:
    """Whether that is Alipay's own sandbox."""
    return f".{urlsplit(gateway_url).hostname}".endswith(".alipaydev.com")


def redis(text: str) -> str:
    """A Redis, with its database in the path: redis://host/1. Raises Misfit."""
    parts = _with_host(text, ("redis", "rediss"))
    if not _REDIS_DATABASE.fullmatch(parts.path) or "db" in dict(parse_qsl(parts.query)):
        raise Misfit("name the database of Redis by its number: redis://host/1")
    return _verified(parts)


def broker(text: str) -> str:
    """A Redis or a RabbitMQ. Raises Misfit."""
    if urlsplit(text).scheme in ("redis", "rediss"):
        return redis(text)
    return _verified(_with_host(text, ("amqp", "amqps")))


def _verified(parts: SplitResult) -> str:
    """TLS is verified, whatever the URL leaves out: kombu's own default would trust everybody. Raises Misfit."""
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    told = {name: query.pop(name) for name in list(query) if name.startswith("ssl_")}
    if told and parts.scheme not in _TLS_SCHEMES:
        raise Misfit(f"{next(iter(told))} needs {parts.scheme}s://")
    if told.pop("ssl_cert_reqs", "required") not in _VERIFIED or told.pop("ssl_check_hostname", "true") != "true":
        raise Misfit("an unverified server may be anybody: name its CA as ?ssl_ca_certs=FILE instead")
    for name, file in told.items():
        if name not in _TLS_FILES or not Path(file).is_file():
            raise Misfit(f"{name} must be one of {', '.join(_TLS_FILES)}, and name a file")
    if parts.scheme in _TLS_SCHEMES:
        told["ssl_cert_reqs"] = "required"
    return urlunsplit(parts._replace(query=urlencode(query | told))).rstrip("/")


def _tls_options(url: str) -> dict[str, str]:
    return {name: value for name, value in parse_qsl(urlsplit(url).query) if name.startswith("ssl_")}


def for_kombu(url: str) -> tuple[str, Mapping[str, Any] | None]:
    """A broker's URL without its TLS options, and those as kombu wants them for that transport."""
    parts = urlsplit(url)
    if parts.scheme not in _TLS_SCHEMES:
        return url, None
    files = {name: value for name, value in _tls_options(url).items() if name in _TLS_FILES}
    rest = {name: value for name, value in parse_qsl(parts.query) if not name.startswith("ssl_")}
    plain = urlunsplit(parts._replace(query=urlencode(rest)))
    if parts.scheme == "rediss":
        return plain, {**files, "ssl_cert_reqs": ssl.CERT_REQUIRED}
    named = {name.removeprefix("ssl_"): value for name, value in files.items()}
    return plain, {**named, "cert_reqs": ssl.CERT_REQUIRED, "server_hostname": parts.hostname}


def domains(text: str) -> tuple[str, ...]:
    """Domains separated by commas. Raises ValueError."""
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    if not all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) for domain in found):
        raise ValueError("no domains")
    return found


def origins(text: str) -> tuple[str, ...]:
    """Origins of browsers, separated by commas, or `*`. Raises ValueError."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in found:
        if origin != "*" and urlsplit(origin).scheme not in ("http", "https"):
            raise ValueError("no origin")
    return found
