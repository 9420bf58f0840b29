"""The words that JSON may hold, as types. Each list stands where the words are decided, and here is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from api.codes import CODES
from checkout.audit import stuck
from checkout.quotes import quote
from checkout.schema import words

if TYPE_CHECKING:  # To the checker of types they are texts: what is read from a file is nothing that it knows.
    from typing import TypeAlias

    OrderStatus: TypeAlias = str
    OrderReason: TypeAlias = str
    PayMethod: TypeAlias = str
    PaymentMethod: TypeAlias = str
    PaymentStatus: TypeAlias = str
    RefundStatus: TypeAlias = str
    RefundSource: TypeAlias = str
    MatterKind: TypeAlias = str
    ProblemCode: TypeAlias = str
    Obstacle: TypeAlias = str
else:
    OrderStatus = Literal[words.TYPES["order_status"]]
    OrderReason = Literal[words.REASONS["rejected"] + words.REASONS["closed"]]
    PayMethod = Literal[words.TYPES["pay_method"]]
    PaymentMethod = Literal[words.TYPES["payment_method"]]
    PaymentStatus = Literal[words.TYPES["payment_status"]]
    RefundStatus = Literal[words.TYPES["refund_status"]]
    RefundSource = Literal[words.TYPES["refund_source"]]
    MatterKind = Literal[stuck.KINDS]
    ProblemCode = Literal[tuple(CODES)]
    Obstacle = Literal[quote.OBSTACLES]
