"""Values as the environment gives them, each read strictly; a ValueError means that the cure is told to the reader."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from checkout import clock
from checkout.settings.addresses import Misfit, private

LONGEST_PAY_WINDOW_SECONDS = 15 * 86_400


def file(text: str) -> Path:
    path = Path(text)
    path.read_bytes()
    return path


def optional_file(text: str) -> Path | None:
    return file(text) if text else None


def secret(text: str) -> str:
    if len(text.encode()) < 32:  # RFC 7518, 3.2: an HS256 key has at least 256 bits.
        raise ValueError("too short")
    return text


def jwks(text: str) -> str:
    if "://" not in text:
        return str(file(text)) if text else ""
    return private(text)


def digits(text: str) -> str:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return text


def one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return parse


def seller(text: str) -> str:
    if not re.fullmatch("2088[0-9]{12}", text):
        raise ValueError("no PID")
    return text


def pay_methods(text: str) -> tuple[str, ...]:
    methods = tuple(part.strip() for part in text.split(","))
    if not set(methods) <= {"alipay", "cash"}:
        raise ValueError("no way to pay")
    return methods


def count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text):  # int() would take 1_000 and other scripts' digits.
        raise ValueError("no count")
    return int(text)


def port(text: str) -> int:
    if count(text) > 65535:
        raise ValueError("no port")
    return count(text)


def credentials(text: str) -> str:
    user, colon, password = text.partition(":")
    if text and not (user and colon and password):
        raise ValueError("not both")
    return text


def pay_window(text: str) -> int:
    """Alipay takes a `time_expire` of 15 days ahead at most (opendocs, alipay.trade.page.pay)."""
    seconds = clock.duration_seconds(text)
    if seconds > LONGEST_PAY_WINDOW_SECONDS:
        raise Misfit("Alipay takes 15d at most")
    return seconds


def duration_or_never(text: str) -> int:
    return 0 if text == "0" else clock.duration_seconds(text)


def days_or_never(text: str) -> int:
    """Days, or a duration, as seconds; 0 is never."""
    return int(text) * 86400 if re.fullmatch(r"[0-9]{1,5}", text) else clock.duration_seconds(text)


def share(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or float(text) > 1:
        raise ValueError("no share")
    return float(text)


def scale(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not 1 <= float(text) <= 100_000:
        raise ValueError("no scale")
    return float(text)
