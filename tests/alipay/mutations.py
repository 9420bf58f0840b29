"""Genuine texts of Alipay, changed in every way that keeps some of them: cut anew, wrapped, nested, doubled, bent."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable

Parameters = dict[str, str]
Pairs = list[tuple[str, str]]

_BLANKS = (" ", "\n", "\t", "\r\n", " ", "\ufeff", "")
_NOISE = string.ascii_letters + string.digits + '{}[]",:\\/&=%+ \x00é签'
_STATUSES = ("TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED", "WAIT_BUYER_PAY")


# Forms: notifies and returns. The signed text has no escapes, so whoever cuts it anew has the same text.


def recut(rng: random.Random, pairs: Pairs) -> Pairs:
    """The same signed text in other parameters: neighbours are joined, values are parted, names grow."""
    signed = sorted(pair for pair in pairs if pair[0] not in ("sign", "sign_type"))
    others = [pair for pair in pairs if pair[0] in ("sign", "sign_type")]
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(signed) - 1)
        (name, value), (next_name, next_value) = signed[place : place + 2]
        if rng.random() < 0.7:  # The next parameter becomes part of this one's value, or of its name.
            joined = f"{value}&{next_name}={next_value}"
            inside = (name, joined) if rng.random() < 0.7 else (f"{name}={value}&{next_name}", next_value)
            signed[place : place + 2] = [inside]
        elif "&" in value and "=" in value.partition("&")[2]:
            first, _, rest = value.partition("&")
            signed[place : place + 1] = [(name, first), (rest.partition("=")[0], rest.partition("=")[2])]
        elif value:
            cut = rng.randrange(len(value))
            signed[place] = (f"{name}={value[:cut]}", value[cut:])
        if len(signed) < 3:
            break
    return signed + others


def altered(rng: random.Random, pairs: Pairs) -> Pairs:
    """One parameter is changed, left out, doubled, renamed, or new."""
    place = rng.randrange(len(pairs))
    name, value = pairs[place]
    return {
        0: [*pairs[:place], (name, _bent(rng, value)), *pairs[place + 1 :]],
        1: [*pairs[:place], *pairs[place + 1 :]],
        2: [*pairs, (name, _bent(rng, value))],
        3: [*pairs[:place], (name + rng.choice(_NOISE), value), *pairs[place + 1 :]],
        4: [*pairs, (rng.choice(("refund_fee", "extra", "sign", "trade_status", "charset")), rng.choice(_STATUSES))],
        5: [*pairs[:place], (name, rng.choice(_STATUSES)), *pairs[place + 1 :]],
        6: [*pairs[:place], (name.upper(), value), *pairs[place + 1 :]],
    }[rng.randrange(7)]


def form(rng: random.Random, pairs: Pairs) -> bytes:
    """The form, its order, its escapes and sometimes its bytes by chance."""
    pairs = rng.sample(pairs, len(pairs))
    body = b"&".join(_escaped(rng, name) + b"=" + _escaped(rng, value) for name, value in pairs)
    if rng.random() < 0.1:
        place = rng.randrange(len(body))
        body = body[:place] + rng.choice((b"&", b"=", b"%", b"%26", b"%3D", b"+", b"\xff", b"")) + body[place + 1 :]
    return body


def _escaped(rng: random.Random, text: str) -> bytes:
    share = rng.choice((0.0, 0.3, 1.0))
    plain = string.ascii_letters + string.digits + "_.-:"
    return b"".join(
        character.encode()
        if character in plain and rng.random() >= share
        else b"".join(b"%%%02X" % byte for byte in character.encode())
        for character in text
    )


def _bent(rng: random.Random, value: str) -> str:
    place = rng.randrange(len(value) + 1)
    return value[:place] + rng.choice(_NOISE) + value[place + rng.randrange(2) :]


# Answers of the gateway: JSON around a signed text.


def answer(rng: random.Random, response: str, true: str, false: str, sign: str) -> str:
    """A genuine signed text and one that nobody signed, put together somehow."""
    names = (response, "error_response", "sign", "alipay_cert_sn", "x", response.upper(), response.replace("_", "."))
    texts = (
        true,
        false,
        json.dumps(sign),
        json.dumps(true),
        "null",
        "[]",
        f"[{true}]",
        f'{{"{response}":{true}}}',
        "{}",
    )
    if rng.random() < 0.5:  # Nearly right.
        members = [(response, rng.choice((true, false, true))), ("sign", json.dumps(sign))]
        if rng.random() < 0.5:
            members.insert(rng.randrange(3), (rng.choice(names), rng.choice(texts)))
    else:
        members = [(rng.choice(names), rng.choice(texts)) for _ in range(rng.randint(1, 5))]
    said = ",".join(f"{_blank(rng)}{_name(rng, name)}{_blank(rng)}:{_blank(rng)}{text}" for name, text in members)
    raw = f"{_blank(rng)}{{{said}{_blank(rng)}}}{_blank(rng)}"
    change = rng.randrange(6)
    if change == 0:
        raw = _bent(rng, raw)
    elif change == 1:
        raw = rng.choice((raw + raw, raw[: rng.randrange(len(raw))], f'{{"{response}":{raw}}}', raw[::-1]))
    return raw


def _blank(rng: random.Random) -> str:
    return rng.choice(_BLANKS) if rng.random() < 0.2 else ""


def _name(rng: random.Random, name: str) -> str:
    if rng.random() < 0.1:
        place = rng.randrange(len(name))
        return f'"{name[:place]}\\u{ord(name[place]):04x}{name[place + 1 :]}"'
    return json.dumps(name)


CUTS: tuple[Callable[[random.Random, Pairs], Pairs], ...] = (recut, recut, altered)
