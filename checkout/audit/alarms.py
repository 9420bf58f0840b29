"""What only a person can settle: raised once per kind and subject, shown by `checkout stuck`."""

from __future__ import annotations

from typing import Any

import msgspec

from checkout.db import Connection, command

_RAISE = command("""
    INSERT INTO alarms (kind, subject, detail) VALUES (:kind, :subject, CAST(:detail AS jsonb))
    ON CONFLICT (kind, subject) DO UPDATE SET detail = excluded.detail, resolved_at = NULL
""")
_RESOLVE = command("UPDATE alarms SET resolved_at = now() WHERE subject = :subject AND resolved_at IS NULL")


def raise_alarm(connection: Connection, kind: str, subject: str, detail: dict[str, Any]) -> None:
    """Notes the matter, or brings it up again."""
    values = {"kind": kind, "subject": subject, "detail": msgspec.json.encode(detail).decode()}
    connection.execute(_RAISE, values)


def resolve(connection: Connection, subject: str) -> None:
    """The matter is settled."""
    connection.execute(_RESOLVE, {"subject": subject})
