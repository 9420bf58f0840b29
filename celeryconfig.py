"""Celery's settings, one reason a line. A message is a doorbell: every task may be lost, doubled or late."""

from __future__ import annotations

from celery.schedules import crontab as _crontab
from kombu import Queue

from checkout import settings as _settings
from checkout.settings.addresses import for_kombu as _for_kombu

_current = _settings.current()
_once_a_day = _crontab(hour="1", minute="0")
_on_redis = _current.broker_url.startswith("redis")

broker_url, broker_use_ssl = _for_kombu(_current.broker_url)

# Queues that never wait for each other; a typo must not make another that nobody reads. The type is said, because a
# virtual host may have another one by default, and quorum queues refuse the prefetch that Celery asks for.
QUEUES = ("orders", "refunds", "alipay", "webhooks", "default")
task_queues = [Queue(name, routing_key=name, queue_arguments={"x-queue-type": "classic"}) for name in QUEUES]
task_default_queue = "default"
task_create_missing_queues = False
task_routes = {
    "place_orders": {"queue": "orders"},  # Placing is all database, and what buyers wait for.
    "place_order_alone": {"queue": "orders"},
    "apply_notifies": {"queue": "orders"},  # So is applying what Alipay told.
    "query_payments": {"queue": "alipay"},  # Asking Alipay is all waiting.
    "send_refunds": {"queue": "refunds"},  # What is owed waits behind no question.
    "reconcile": {"queue": "alipay"},
    "deliver_webhooks": {"queue": "webhooks"},  # Their receivers are strangers, who may take their time.
}
imports = [
    *("tasks.place", "tasks.pay", "tasks.events", "tasks.maintenance", "tasks.reconcile", "tasks.rounds"),
    *("tasks.webhooks", "tasks.erase", "tasks.metrics"),
]

task_serializer = "json"  # JSON only: whoever reaches the broker must not reach the interpreter.
accept_content = ["json"]
task_ignore_result = True  # The state of an order is in PostgreSQL; results would be a second truth.
task_acks_late = True  # A killed worker's message comes again instead of being lost.
task_reject_on_worker_lost = False  # It would loop for ever on Redis; the sweep rings again, and counts.
worker_prefetch_multiplier = 1  # As fast as more, and fewer messages are stranded by a kill.
task_soft_time_limit = 20  # Placing takes milliseconds; a worker that hangs must be freed.
task_time_limit = 30  # Below the visibility timeout, so that no message runs twice at once.
worker_cancel_long_running_tasks_on_connection_loss = True  # Else the redelivered copy runs beside the first.
worker_soft_shutdown_timeout = 10.0  # A bounded drain, then unfinished messages go back.

broker_connection_retry = True  # A worker outlives its broker,
broker_connection_retry_on_startup = True  # may start before it,
broker_connection_max_retries = None  # and never gives up.
broker_channel_error_retry = True  # "LOADING" and "READONLY" pass.
broker_pool_limit = 20  # Threads of the widest worker, and two for its consumer.
broker_pool_acquire_timeout = 2.0  # Nobody waits for a connection without end.
task_publish_retry = False  # A doorbell that cannot ring is the sweep's affair.
broker_heartbeat = 10  # RabbitMQ notices dead peers; Redis has its own check.

if _on_redis:
    broker_transport_options = {
        "visibility_timeout": 180,  # After a kill, messages come again this late; longer than any task may run.
        "unacked_restore_interval": 5,  # Look for them every 5 seconds instead of every 100.
        "unacked_restore_throttle": 1,
        "unacked_mutex_expire": 30,  # A worker killed while restoring delays the others this long.
        "unacked_restore_limit": 500,  # Restoring more at once would block the consumer.
        "socket_timeout": 5,  # A frozen Redis raises instead of hanging the caller for ever.
        "socket_connect_timeout": 2,
        "health_check_interval": 25,
        "priority_steps": [0],  # One list a queue: priorities are not used.
    }
else:
    broker_transport_options = {"confirm_publish": True, "read_timeout": 5, "write_timeout": 5}  # Else loss is silent.

# An exclusive queue has its name until RabbitMQ misses the connection that a worker has long given up.
control_queue_exclusive = False
control_queue_durable = True  # RabbitMQ 4.3 refuses queues that are neither; unused, it is gone after ten seconds.

worker_send_task_events = True  # Flower sees the workers; what they do it hears from tasks/summary.py.
task_send_sent_event = False  # One for each ring cost the API a third of its time.
worker_hijack_root_logger = False  # Our log lines keep their form.

beat_scheduler = "tasks.schedule:Timetable"  # In memory: a file remembers clocks that were wrong.
beat_max_loop_interval = 1  # Beat notices a late entry within a second.
# Scans are idempotent and lease what they take, so two beats do no harm. A tick that is late is worth nothing.
beat_schedule = {
    "place what was not rung for": {"task": "sweep", "schedule": 2.0, "options": {"expires": 2}},
    "close what was not paid in time": {"task": "expire_orders", "schedule": 1.0, "options": {"expires": 1}},
    "complete what was shipped long ago": {"task": "complete_orders", "schedule": 30.0, "options": {"expires": 30}},
    "ask Alipay about what is due": {"task": "scan_payments", "schedule": 1.0, "options": {"expires": 1}},
    **{
        f"see that {queue} goes on": {
            "task": "pass_through",
            "schedule": 10.0,
            "args": (queue,),
            "options": {"queue": queue, "expires": 10},
        }
        for queue in QUEUES
    },
    "send what webhooks wait for": {"task": "scan_webhooks", "schedule": 1.0, "options": {"expires": 1}},
    "see who falls behind": {"task": "watch_webhooks", "schedule": 600.0, "options": {"expires": 600}},
    "erase what is due": {"task": "erase_orders", "schedule": 10.0, "options": {"expires": 10}},
    "take buyers out of bills": {"task": "blank_bills", "schedule": 30.0, "options": {"expires": 30}},
    "keep a relay running": {"task": "relay_events", "schedule": 0.5, "options": {"expires": 1}},
    # From 09:30 Beijing time the day before is due; then, and after a bill that was late, a tick finds it.
    "compare with Alipay's bill": {"task": "reconcile", "schedule": 600.0, "options": {"expires": 600}},
    "turn the partitions": {"task": "turn_partitions", "schedule": 3600.0, "options": {"expires": 600}},
    # At nine in the morning in Beijing; whoever starts looks as well.
    "warn of certificates": {"task": "warn_of_certificates", "schedule": _once_a_day, "options": {"expires": 3600}},
}
