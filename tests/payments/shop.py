"""A shop beside a local Alipay: what its buyers, its workers and its operators do, one step at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import urllib3

from checkout import db
from checkout.alipay.client import Alipay, Done
from checkout.audit import invariants, stuck
from checkout.db import Engine, sql, transaction
from checkout.orders import closing
from checkout.orders.ledger import Payment
from checkout.payments import notifies, offers, queries, refund_calls, refunds
from checkout.payments.trades import Rules
from checkout.resources import Resources
from checkout.settings import Settings
from tests.gateway.process import LocalAlipay
from tests.shared import factories
from tests.shared.client import token
from tests.shared.contract import Pool
from tests.shared.factories import RULES
from tests.shared.processes import eventually

HTTP = Pool(retries=False, timeout=urllib3.Timeout(30), maxsize=60)
TIME_SCALE = 1000.0

_keys = itertools.count(1)

# Children before the rows that they refer to.
_TABLES = (
    "traces",
    *("alipay_answers", "webhook_subjects", "webhook_deliveries", "webhook_endpoints"),
    *("erasures", "erasures_due", "bill_erasures"),
    *("refund_lines", "shipments", "completions", "purchases"),
    *("refunds", "payments", "order_lines", "arrivals", "cart_clearings", "order_keys", "orders", "users"),
    *("stock_adjustments", "skus", "spus", "notifies", "alarms", "events"),
    *("discrepancies", "bill_lines", "bill_archives", "bills"),
)


class Seen(NamedTuple):
    """What an order and its attempts have come to. When somebody looks next is no part of that."""

    status: str
    reason: str | None
    stock: str | None
    is_closing: bool
    attempts: tuple[tuple[str, str | None, bool, int, int, int], ...]
    units: int


class Shop:
    def __init__(self, settings: Settings, gateway: LocalAlipay, connections: int = 8) -> None:
        self.settings, self.gateway = settings, gateway
        self.resources = Resources(settings, connections=connections)
        self.url = settings.public_url
        self._books = db.connect(settings.database_url, size=1, statement_seconds=60, by_index=False)
        self._given: dict[str, str] = {}

    @property
    def engine(self) -> Engine:
        return self.resources.engine

    @property
    def alipay(self) -> Alipay:
        return self.resources.alipay

    def close(self) -> None:
        self._books.dispose()
        self.resources.close()

    def empty(self) -> None:
        """Nobody has ever bought here; 10 units of SKU 1 are for sale at 10.00."""
        with transaction(self.engine) as connection:
            for table in _TABLES:
                connection.execute(sql(f"DELETE FROM {table}"))
        factories.a_sku(self.engine, stock=10)

    # The buyer's and the operator's way in: our HTTP API.

    def call(self, method: str, path: str, body: Any = None, *, user: int = 1, key: str = "") -> Any:
        """User 0 is an operator. The answer has `status` and `json()`."""
        bearer = token(self.settings, user or 1, is_operator=user == 0)
        headers = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": key or f"key-{next(_keys)}"}
        return HTTP.request(method, self.url + path, json=None if method == "GET" else body or {}, headers=headers)

    def order(self, **request: Any) -> int:
        """The id of a placed order for 20.00."""
        return factories.placed(self.engine, **request)

    def offered(self, method: str = "wap", order_id: int | None = None) -> Payment:
        """An attempt in the buyer's hands."""
        return self._give(factories.an_attempt(self.engine, order_id or self.order(), method))

    def unmade(self) -> Payment:
        """An attempt of a mini-program whose trade Alipay has not been heard to make."""
        return factories.an_attempt(self.engine, self.order(), "mini")

    def made_unheard(self, payment: Payment) -> None:
        """Alipay has made the trade of a mini-program all the same, while its order could be paid."""
        assert isinstance(self.alipay.create(payment, datetime.now(UTC) + timedelta(minutes=30)), Done)

    def paid(self, **request: Any) -> Payment:
        """An attempt whose money is kept."""
        payment = self.offered(order_id=self.order(**request))
        self.pay(payment)
        self.ask(payment)
        assert self.row(payment).kept
        return payment

    # The buyer at Alipay.

    def ways_in(self, payment: Payment) -> dict[str, str]:
        """What the buyer was given when the attempt was made: moving our rows into the past does not move it."""
        if payment.method in ("qr", "order_code"):
            return {"qr_code": self.row(payment).qr_code}
        if payment.method == "mini":
            return {"out_trade_no": payment.out_trade_no}
        return {"order_string" if payment.method == "app" else "pay_url": self._given[payment.out_trade_no]}

    def _give(self, payment: Payment) -> Payment:
        pay_before = factories.order(self.engine, payment.order_id).pay_before
        if payment.method in ("qr", "order_code", "mini"):
            self._ask_alipay(payment, pay_before)
            return payment
        sign = self.alipay.order_string if payment.method == "app" else self.alipay.pay_url
        self._given[payment.out_trade_no] = sign(payment, pay_before)
        return payment

    def _ask_alipay(self, payment: Payment, pay_before: datetime) -> None:
        is_mini = payment.method == "mini"
        answer = (self.alipay.create if is_mini else self.alipay.precreate)(payment, pay_before)
        assert isinstance(answer, Done), answer
        with transaction(self.engine) as connection:
            if is_mini:
                assert offers.keep_trade_no(connection, payment, answer.fields["trade_no"])
            else:
                offers.keep_qr_code(connection, payment, answer.fields["qr_code"])

    def log_in(self, payment: Payment) -> None:
        """The trade is born."""
        self.gateway.admin("POST", "login", self.ways_in(payment))

    def pay(self, payment: Payment) -> dict[str, Any]:
        return self.gateway.pay(**self.ways_in(payment))

    # Alipay and the merchant's console.

    def finish(self, payment: Payment) -> None:
        self.gateway.admin("POST", "finish", {"out_trade_no": payment.out_trade_no})

    def refund_in_console(self, payment: Payment, amount: str = "20.00", **names: str) -> None:
        self.gateway.admin("POST", "refund", {"out_trade_no": payment.out_trade_no, "amount": amount, **names})

    def hear(self, payment: Payment, event: str) -> None:
        """Alipay's notify of the event reaches us, and is applied."""
        notify_id = next(n["notify_id"] for n in self.gateway.notifies(payment.out_trade_no) if n["event"] == event)
        self.gateway.admin("POST", "notifies/resend", {"notify_id": notify_id})

        def acknowledged() -> bool:
            told = self.gateway.notifies(payment.out_trade_no)
            return any(n["notify_id"] == notify_id and n["state"] == "acknowledged" for n in told)

        eventually(acknowledged, f"the notify {event} is stored", 30)
        self.apply_notifies()

    def apply_notifies(self, rules: Rules = RULES) -> list[str]:
        with transaction(self.engine) as connection:
            return notifies.apply(connection, rules).outcomes

    def forge(self, payment: Payment, status: str = "TRADE_SUCCESS", **changes: str) -> bytes:
        """Somebody who is not Alipay tells us news; our answer."""
        params = {
            "app_id": self.settings.alipay_app_id,
            "seller_id": self.settings.alipay_seller_id,
            "out_trade_no": payment.out_trade_no,
            "trade_no": "2026112222001400009",
            "trade_status": status,
            "total_amount": "20.00",
            "sign_type": "RSA2",
            "charset": "utf-8",
            **changes,
        }
        text = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "sign_type")
        body = urlencode(params | {"sign": self.alipay.keys.sign(text)})
        answer = HTTP.request("POST", f"{self.url}/v1/alipay/notify", body=body)
        return bytes(answer.data)

    # The workers.

    def scan(self) -> None:
        """Closes what was not paid in time, or begins to."""
        with transaction(self.engine) as connection:
            closing.expire(connection, 100)

    def cancel(self, order_id: int) -> None:
        with transaction(self.engine) as connection:
            closing.cancel(connection, order_id, None)

    def turn_of(self, payment: Payment) -> queries.Due | None:
        """Claims the attempt, if anybody may ask about it."""
        with transaction(self.engine) as connection:
            hurry = """
                UPDATE payments SET due_at = now() - interval '1 hour', leased_until = NULL
                WHERE order_id = :order_id AND n = :n
            """
            connection.execute(sql(hurry), {"order_id": payment.order_id, "n": payment.n})
            return next((due for due in queries.claim(connection, 1) if due.n == payment.n), None)

    def ask(self, payment: Payment, alipay: Alipay | None = None, rules: Rules = RULES) -> None:
        """The attempt's turn."""
        due = self.turn_of(payment)
        assert due is not None
        queries.ask(self.engine, alipay or self.alipay, due, rules, 1)

    def deaf(self) -> Alipay:
        """Our client with a wrong key for Alipay's: no signature of Alipay holds."""
        other = Alipay(self.settings, self.resources.redis)
        wrong = replace(other.keys, alipay_public=other.keys.private.public_key())
        other.trust._keys = wrong
        return other

    def refund(self, payment: Payment, fen: int, key: str | None = None) -> refunds.Refund:
        """An operator's refund is requested; nothing is sent yet."""
        with transaction(self.engine) as connection:
            return refunds.create(connection, payment.order_id, fen, "", key or f"key-{next(_keys)}")[0]

    def send_refunds(self, alipay: Alipay | None = None) -> int:
        """One turn of each refund that waits, however long it would have to; how many there were."""
        with transaction(self.engine) as connection:
            connection.execute(sql("UPDATE refunds SET next_try_at = now() WHERE next_try_at IS NOT NULL"))
        for count in itertools.count():
            with transaction(self.engine) as connection:
                connection.execute(sql("UPDATE payments SET refund_called_at = refund_called_at - interval '1 minute'"))
                due = refund_calls.claim(connection, TIME_SCALE)
            if due is None:
                return count
            refund_calls.send(self.engine, alipay or self.alipay, due, 1)
        return 0

    # What has come of it.

    def row(self, payment: Payment) -> Any:
        return factories.row(self.engine, "payments", order_id=payment.order_id, n=payment.n)

    def seen(self, order_id: int) -> Seen:
        order = factories.order(self.engine, order_id)
        rows = factories.attempts(self.engine, order_id)
        attempts = tuple((p.status, p.evidence, p.kept, p.paid_fen, p.refunded_fen, p.refunding_fen) for p in rows)
        units = factories.stock_of(self.engine)
        return Seen(order.status, order.reason, order.stock, order.closing_at is not None, attempts, units)

    def stuck(self) -> list[str]:
        """The kinds and subjects of what a person should look at."""
        with transaction(self.engine) as connection:
            return [f"{matter.kind} {matter.subject}" for matter in stuck.find(connection)]

    def assert_sound(self) -> None:
        """Every invariant holds."""
        with db.reading(self._books) as connection:
            assert [finding for finding in invariants.run(connection) if not finding.ok] == []

    def assert_even(self, payment: Payment) -> None:
        """What Alipay holds for us from that trade is what our books say."""
        trade, row = self.gateway.trade(payment.out_trade_no), self.row(payment)
        theirs = fen(trade["total_amount"]) if trade["paid_at"] else 0
        assert theirs - fen(trade["refunded_amount"]) == row.paid_fen - row.refunded_fen


class Between(Alipay):
    """Our client, with something that happens after its query and before its close."""

    def __init__(self, shop: Shop, happens: Callable[[], object]) -> None:
        super().__init__(shop.settings, shop.resources.redis)
        self._happens = happens

    def close(self, out_trade_no: str, trade_no: str | None = None) -> Any:
        self._happens()
        return super().close(out_trade_no, trade_no)


def fen(yuan: str) -> int:
    return round(float(yuan) * 100)
