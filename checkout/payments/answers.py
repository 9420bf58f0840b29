"""What Alipay answered when it was asked, kept for an order's timeline: each change of what it says, and how often."""

from __future__ import annotations

from checkout.alipay.client import Done, Refused, Result
from checkout.db import Connection, command

LONGEST = 200
MOST_OF_AN_ATTEMPT = 50

_NOTE = command("""
    INSERT INTO alipay_answers AS a (order_id, n, call, request_no, said)
    SELECT :order_id, :n, :call, :request_no, CASE
        WHEN (SELECT count(*) FROM alipay_answers WHERE order_id = :order_id AND n = :n) < :most
            OR EXISTS (SELECT FROM alipay_answers WHERE order_id = :order_id AND n = :n AND call = :call
                AND request_no = :request_no AND said = :said)
        THEN :said ELSE 'other answers' END
    ON CONFLICT (order_id, n, call, request_no, said) DO UPDATE SET times = a.times + 1, last_at = now()
""")


def note(connection: Connection, order_id: int, n: int, call: str, answer: Result, request_no: str = "") -> None:
    """`call` is query, close, refund or refund_query."""
    values = {"order_id": order_id, "n": n, "call": call, "request_no": request_no, "said": _printable(_said(answer))}
    connection.execute(_NOTE, values | {"most": MOST_OF_AN_ATTEMPT})


def _printable(text: str) -> str:
    """A text that the database takes, whatever came over the wire."""
    return "".join(one if one.isprintable() else " " for one in text[:LONGEST])


def _said(answer: Result) -> str:
    """In a sentence, without anything that names a buyer."""
    if isinstance(answer, Refused):
        return f"{answer.code}: {answer.message}"
    if isinstance(answer, Done):
        told = (
            "trade_status",
            "refund_status",
            "fund_change",
            "total_amount",
            "refund_amount",
            "refund_fee",
            "trade_no",
        )
        return ", ".join(f"{name} {answer.fields[name]}" for name in told if answer.fields.get(name)) or "done"
    return answer.why
