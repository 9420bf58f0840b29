"""A shop beside a local Alipay: what its buyers and its people do, and the two sides compared."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from checkout import clock
from checkout.db import Engine, sql, transaction
from checkout.orders.ledger import Payment
from checkout.payments import queries, refund_calls, refunds, trades
from checkout.reconciliation import comparison
from checkout.reconciliation.comparison import Report
from checkout.resources import Resources
from tests.gateway.process import LocalAlipay
from tests.shared import factories


class Shop:
    def __init__(self, resources: Resources, gateway: LocalAlipay) -> None:
        self.resources, self.gateway = resources, gateway
        self.today = datetime.now(clock.BEIJING).date()
        self.yesterday = self.today - timedelta(days=1)
        factories.a_sku(self.engine, stock=100)

    @property
    def engine(self) -> Engine:
        return self.resources.engine

    def offered(self) -> Payment:
        """An attempt in a buyer's hands, for 20.00."""
        return factories.an_attempt(self.engine, factories.placed(self.engine))

    def pay(self, payment: Payment) -> None:
        """The buyer pays; the shop does not hear of it."""
        pay_before = factories.order(self.engine, payment.order_id).pay_before
        self.gateway.pay(pay_url=self.resources.alipay.pay_url(payment, pay_before))

    def hear(self, payment: Payment) -> None:
        due = queries.Due(payment.order_id, payment.n, payment.out_trade_no, closing=False)
        queries.ask(self.engine, self.resources.alipay, due, self.resources.rules, 1000)
        assert self.row(payment).status == "paid"

    def paid(self) -> Payment:
        payment = self.offered()
        self.pay(payment)
        self.hear(payment)
        return payment

    def request_refund(self, payment: Payment, fen: int) -> str:
        """An operator's refund that is not sent yet; its request number."""
        with transaction(self.engine) as connection:
            key = f"refund {datetime.now(UTC)}"
            return refunds.create(connection, payment.order_id, fen, "", key)[0].out_request_no

    def refund(self, payment: Payment, fen: int) -> str:
        number = self.request_refund(payment, fen)
        with transaction(self.engine) as connection:
            due = refund_calls.claim(connection, 1000)
        assert due
        assert due.out_request_no == number
        refund_calls.send(self.engine, self.resources.alipay, due, 1000)
        return number

    def refund_in_console(self, payment: Payment, amount: str) -> str:
        made = self.gateway.admin("POST", "refund", {"out_trade_no": payment.out_trade_no, "amount": amount})
        return str(made["out_request_no"])

    def paid_by_a_stranger(self, number: str = "ANOTHERSHOP1") -> str:
        """Money for an order that another program of the merchant made."""
        payment = Payment(1, 1, number, 4200, method="page")
        self.gateway.pay(pay_url=self.resources.alipay.pay_url(payment, datetime.now(UTC) + timedelta(hours=1)))
        return number

    def close(self, day: date) -> None:
        """The bill of the day exists now, with what has happened so far."""
        self.gateway.admin("POST", "close-day", {"date": day.isoformat()})

    def reconcile(self, day: date | None = None, **options: Any) -> Report:
        self.close(day or self.today)
        return comparison.run(self.resources, day or self.today, **options)

    def row(self, payment: Payment) -> Any:
        return factories.row(self.engine, "payments", order_id=payment.order_id, n=payment.n)

    def notes(self, payment: Payment, column: str, instant: datetime) -> None:
        """Our books say that the payment was made, or its refunds finished, at another time."""
        table = "payments" if column == "paid_at" else "refunds"
        with transaction(self.engine) as connection:
            update = f"UPDATE {table} SET {column} = :instant WHERE order_id = :order_id"
            connection.execute(sql(update), {"instant": instant, "order_id": payment.order_id})

    def apply(self, payment: Payment) -> None:
        """Our books take a payment for made that Alipay never saw."""
        with transaction(self.engine) as connection:
            trades.apply(connection, [factories.a_trade(payment)], self.resources.rules)


def at(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """An instant by Beijing's clock."""
    return datetime.combine(day, time(hour, minute, second), clock.BEIJING)


def listed(report: Report) -> list[tuple[str, str, str]]:
    return sorted((one.kind, one.out_trade_no, one.request_no) for one in report.discrepancies)
