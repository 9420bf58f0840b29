"""What requests and answers may have beside their bodies: parameters of the query and the path, and headers."""

from __future__ import annotations

from typing import Any

from api import events, operators, reading
from checkout.audit import stuck
from checkout.schema import words

_TEXT = {"type": "string", "maxLength": operators.LONGEST_TEXT}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": reading.MOST_A_PAGE}

QUERY: dict[str, tuple[str, dict[str, Any]]] = {
    "limit": (f"How many at most; {reading.USUAL_A_PAGE} when it is left out.", _LIMIT),
    "after": (
        "An event's id: those after it. From the first on when it is left out.",
        {"type": "integer", "minimum": 0, "maximum": reading.LARGEST_ID},
    ),
    "cursor": ("`next_cursor` of the page before.", {"type": "string", "maxLength": 64}),
    "page": ("From 1 on.", {"type": "integer", "minimum": 1, "maximum": reading.LAST_PAGE}),
    "status": ("Only orders with this status.", {"type": "string", "enum": list(words.TYPES["order_status"])}),
    "kind": ("Only matters of this kind.", {"type": "string", "enum": list(stuck.KINDS)}),
    "user_id": ("For operators: that user's orders.", {"type": "string", "pattern": "^[0-9]{1,19}$"}),
    "reference": ("For operators: the shop's own number of the order.", _TEXT),
    "out_trade_no": ("The number under which Alipay knows the attempt to collect.", _TEXT),
    "trade_no": ("For operators: Alipay's own number of the trade.", _TEXT),
    "from": ("For operators: accepted at this instant or later.", {"type": "string", "format": "date-time"}),
    "to": ("For operators: accepted before this instant.", {"type": "string", "format": "date-time"}),
    "charset": ("In which the values are written; utf-8 when it is left out.", {"type": "string"}),
    "sign_type": ("RSA2; nothing else is believed.", {"type": "string"}),
    "sign": ("Alipay's signature over all other parameters.", {"type": "string"}),
}
# Where a parameter of an operation is not as elsewhere.
_OWN: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("events_page", "limit"): (
        f"How many at most; {events.USUAL_A_PAGE} when it is left out.",
        _LIMIT | {"maximum": events.MOST_A_PAGE},
    ),
}
PATH: dict[str, tuple[str, dict[str, Any]]] = {
    "order_id": ("The order's id.", {"type": "string"}),
    "refund_id": ("The refund's id.", {"type": "string"}),
    "sku_id": ("The SKU's id.", {"type": "string"}),
    "n": ("The parcel's number, from 1 on.", {"type": "string"}),
    "file": ("A file of that page.", {"type": "string"}),
    "webhook_id": ("The webhook's id.", {"type": "string"}),
    "kind": ("The kind of matter.", {"type": "string", "enum": list(stuck.KINDS)}),
    "subject": ("What the matter is about, percent-encoded.", {"type": "string"}),
}
HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "Idempotency-Key": (
        "The caller's own name for this request: sent again with the same key it is done once.",
        {"type": "string", "pattern": "^[!-~]{1,255}$", "examples": ["my-first-order"]},
    ),
    "Prefer": (
        f"`wait=N` (RFC 7240): the answer may take so many seconds, {reading.LONGEST_WAIT_SECONDS} at the most.",
        {"type": "string", "examples": ["wait=10"]},
    ),
    "If-None-Match": ("The ETag of the answer that the caller has.", {"type": "string", "examples": ['"3"']}),
    "Last-Event-ID": ("The id of the last event that came: the stream goes on behind it.", {"type": "string"}),
}
REQUIRED = ("Idempotency-Key",)
# Where it may be left out.
_OPTIONAL = (("skus_stock", "Idempotency-Key"),)
SENT: dict[str, tuple[str, dict[str, Any]]] = {
    "Location": ("Where what was made can be read.", {"type": "string", "format": "uri-reference"}),
    "ETag": ("The mark of what is answered; it changes when that does.", {"type": "string"}),
    "Retry-After": ("After so many seconds.", {"type": "integer", "minimum": 0}),
    "Idempotent-Replayed": ("The key came before: what was made then.", {"type": "string", "enum": ["true"]}),
    "Preference-Applied": ("How long the answer was allowed to take.", {"type": "string", "pattern": "^wait=[0-9]+$"}),
    "WWW-Authenticate": ("How to say who calls.", {"type": "string", "enum": ["Bearer"]}),
    "Allow": ("What is served there.", {"type": "string"}),
}


def query(operation: str, name: str) -> dict[str, Any]:
    description, schema = _OWN.get((operation, name)) or QUERY[name]
    return {"name": name, "in": "query", "description": description, "schema": schema}


def path(name: str) -> dict[str, Any]:
    description, schema = PATH[name]
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def header(operation: str, name: str) -> dict[str, Any]:
    description, schema = HEADERS[name]
    required = {"required": True} if name in REQUIRED and (operation, name) not in _OPTIONAL else {}
    return {"name": name, "in": "header", "description": description, **required, "schema": schema}


def sent(name: str, *, always: bool) -> dict[str, Any]:
    """A header of an answer."""
    description, schema = SENT[name]
    return {"description": description, "required": always, "schema": schema}
