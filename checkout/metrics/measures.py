"""What the business counts, in whichever process it happens; docs/operations.md says what each answers."""

from __future__ import annotations

from checkout.metrics.counting import Spread, Tally

_CALLS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15)
_QUICK = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BUYERS = (5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)

orders_decided = Tally("checkout_orders_decided", "Orders that placing has decided.", "outcome")
order_waited = Spread("checkout_order_waited_seconds", "From acceptance to placing's decision.", bounds=_QUICK)
order_paid_after = Spread("checkout_order_paid_after_seconds", "From placing to the money.", bounds=_BUYERS)
batches = Spread("checkout_placing_batch_orders", "Orders of a batch.", bounds=(1, 2, 5, 10, 20, 50, 100, 200))
notifies_applied = Tally("checkout_notifies_applied", "Alipay's notifies by what they led to.", "outcome")
alipay_call = Spread("checkout_alipay_call_seconds", "Until Alipay answered.", "method", bounds=_CALLS)
alipay_held_back = Tally("checkout_alipay_held_back", "Calls that breaker or rate did not let out.", "method")
events_sent = Tally("checkout_events_sent", "Events that the relay has sent.")
webhooks_posted = Tally("checkout_webhooks_posted", "Webhooks by what became of them.", "result")
tasks_run = Tally("checkout_tasks_run", "Tasks by how they ended.", "task", "result")
task_took = Spread("checkout_task_seconds", "How long a task ran.", "task", bounds=_QUICK)
database_errors = Tally("checkout_database_errors", "What PostgreSQL did not do, by the reason.", "reason")
