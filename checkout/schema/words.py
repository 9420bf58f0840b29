"""Which words a column may hold. `schema.sql` says so, and nobody says it a second time."""

from __future__ import annotations

import re

from checkout.schema import SCHEMA

_TYPE = re.compile(r"^CREATE TYPE (\w+) AS ENUM\s*\(([^)]*)\);", re.MULTILINE)
_STATUSES = re.compile(r"CONSTRAINT orders_status CHECK \(CASE status(.*?)\bEND\)", re.DOTALL)
_REASONS = re.compile(r"WHEN '(\w+)' THEN (?:(?!WHEN).)*?reason IN\s*\(([^)]*)\)", re.DOTALL)
_WORD = re.compile(r"'(\w+)'")

_text = SCHEMA.read_text(encoding="utf-8")

# The values of each enumerated type, in their order.
TYPES = {name: tuple(_WORD.findall(values)) for name, values in _TYPE.findall(_text)}
# Why an order was rejected, or closed, by that status.
REASONS = {
    status: tuple(_WORD.findall(reasons))
    for case in _STATUSES.findall(_text)
    for status, reasons in _REASONS.findall(case)
}
