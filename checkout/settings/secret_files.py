"""Secrets by file, as containers and systemd hand them out: `CHECKOUT_JWT_SECRET_FILE` for `CHECKOUT_JWT_SECRET`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from checkout.settings.addresses import Misfit

# Addresses carry passwords.
SECRETS = frozenset(
    f"CHECKOUT_{name}"
    for name in (
        *("DATABASE_URL", "BROKER_URL", "EVENTS_URL", "REDIS_URL"),
        *("JWT_SECRET", "METRICS_TOKEN", "FLOWER_BASIC_AUTH"),
    )
)
SUFFIX = "_FILE"
LARGEST_BYTES = 65_536


def overlay(values: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """`values` where `own` says nothing; a secret is one thing, told itself or by a file."""
    own_secrets = {name for name in SECRETS if own.get(name) or own.get(name + SUFFIX)}
    told = own_secrets | {name + SUFFIX for name in own_secrets}
    return {name: value for name, value in values.items() if name not in told} | dict(own)


def secret(values: Mapping[str, str], name: str) -> str:
    """What the setting says, or its file; empty when neither does. Raises Misfit."""
    value, file = values.get(name, ""), values.get(name + SUFFIX, "")
    if name not in SECRETS or not file:
        return value
    if value:
        raise Misfit(f"{name}{SUFFIX} is set, too: leave one of them out")
    try:
        with Path(file).open("rb") as content:
            text = content.read(LARGEST_BYTES + 1).decode().strip()
    except (OSError, ValueError) as error:
        raise Misfit(f"{name}{SUFFIX} names no readable file of text") from error
    if not 0 < len(text.encode()) <= LARGEST_BYTES:
        raise Misfit(f"{name}{SUFFIX} names a file that is empty, or far too long")
    return text
