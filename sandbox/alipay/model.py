"""Trade and refund as they are stored, and the one buyer of this sandbox."""

from dataclasses import dataclass
from typing import Final, Literal

from sandbox.alipay.switches import Product

Status = Literal["WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"]
WAITING: Final = "WAIT_BUYER_PAY"
SUCCESS: Final = "TRADE_SUCCESS"
FINISHED: Final = "TRADE_FINISHED"
CLOSED: Final = "TRADE_CLOSED"
BUYER_ID = "2088722001357924"
BUYER_OPEN_ID = "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5"
BUYER_LOGON_ID = "138****2468"


@dataclass(frozen=True)
class Trade:
    """Alipay's object. Times are Alipay's, seconds since the epoch; amounts are fen."""

    trade_no: str
    out_trade_no: str
    token: str
    status: Status
    refunded_fen: int
    expires_at: float
    created_at: float
    paid_at: float | None
    closed_at: float | None
    finished_at: float | None
    product: Product
    total_fen: int
    subject: str
    body: str
    passback_params: str
    notify_url: str
    return_url: str
    charset: str
    certified: int
    installments: str


@dataclass(frozen=True)
class Refund:
    """`state` is `pending` while the money is on its way and `done` when it has moved; `external` refunds come from
    Alipay's own console."""

    trade_no: str
    out_request_no: str
    amount_fen: int
    state: str
    reason: str
    external: int
    asked_at: float
    due_at: float
    done_at: float | None
