"""The envelope of an answer: what is read is the parse of the very text whose signature is checked, nothing else.

One response member, `sign`, and in certificate mode `alipay_cert_sn`: whatever else stands there, stands twice, or
hides its name behind escapes makes the whole answer unreadable (opendocs.alipay.com, common/02mse7).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

ERROR = "error_response"
_SPACE = re.compile(r"[ \t\r\n]*")
_NAME = re.compile(r'"(\w{1,128})"', re.ASCII)


class Envelope(NamedTuple):
    """`content` is the signed text, `fields` its parse; `serial` names the certificate that signed, if any."""

    content: str
    fields: dict[str, Any]
    signature: str | None
    serial: str | None


def opened(raw: str, response: str) -> Envelope:
    """The envelope whose response member has that name, or is the gateway's own error. Raises ValueError."""
    members: dict[str, tuple[str, Any]] = {}
    try:
        for name, text, value in _members(raw):
            if name in members:
                raise ValueError(f"{name} stands there twice")
            members[name] = (text, value)
    except RecursionError as error:
        raise ValueError("the answer is nested too deeply") from error
    found = members.keys() & {response, ERROR}
    if len(found) != 1 or members.keys() - found - {"sign", "alipay_cert_sn"}:
        raise ValueError("the answer is not one response and its signature")
    content, fields = members[found.pop()]
    if not isinstance(fields, dict):
        raise ValueError("the response is no object")
    return Envelope(content, fields, _text(members, "sign"), _text(members, "alipay_cert_sn"))


def _text(members: dict[str, tuple[str, Any]], name: str) -> str | None:
    if name not in members:
        return None
    value = members[name][1]
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    return value


def _members(raw: str) -> Iterator[tuple[str, str, Any]]:
    """Each member of the outer object: its name, its value as it was sent, and parsed."""
    place = _after(raw, 0, "{")
    while True:
        name = _NAME.match(raw, place)
        if name is None:
            raise ValueError("a name is expected")
        start = _after(raw, name.end(), ":")
        value, end = _DECODER.raw_decode(raw, start)
        yield name[1], raw[start:end], value
        place = _spaces(raw, end)
        if raw[place : place + 1] != ",":
            break
        place = _after(raw, place, ",")
    if _after(raw, place, "}") != len(raw):
        raise ValueError("something follows the answer")


def _after(raw: str, place: int, mark: str) -> int:
    place = _spaces(raw, place)
    if raw[place : place + 1] != mark:
        raise ValueError(f"{mark} is expected")
    return _spaces(raw, place + 1)


def _spaces(raw: str, place: int) -> int:
    match = _SPACE.match(raw, place)
    return match.end() if match else place


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a member stands there twice")
    return made


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse)
