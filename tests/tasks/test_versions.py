"""While old and new processes run side by side, a newer one's message waits for a newer worker."""

from __future__ import annotations

from pathlib import Path

import pytest
from kombu import Connection

from checkout.db import Engine
from sandbox import valkey
from tasks import app as versions
from tests.shared.factories import rows
from tests.shared.processes import eventually, process


@pytest.mark.usefixtures("in_process")
@pytest.mark.timeout(120)
def test_an_older_worker_leaves_a_newer_message_for_others_and_the_reverse_works(
    environment: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    with valkey.temporary_server() as broker:
        own = environment | {"CHECKOUT_BROKER_URL": broker.url(0), "CHECKOUT_REDIS_URL": broker.url(1)}

        def send(queue: str, version: int) -> None:
            headers = {"checkout_version": version}
            with Connection(broker.url(0)) as connection:
                versions.app.send_task(
                    "pass_through", [queue], headers=headers, queue="default", expires=100, connection=connection
                )

        def done() -> set[str]:
            return {row.loop for row in rows(engine, "heartbeats")}

        def worker(module: str, name: str) -> tuple[str, ...]:
            return ("celery", "-A", module, "worker", "-Q", "default", "-n", name, "-P", "threads", "-c", "1")

        old = tmp_path / "old.log"
        send("orders", versions.MESSAGE_VERSION + 1)
        with process(*worker("tasks.app", "old@%h"), environment=own, log=old):
            eventually(lambda: "message_left_for_newer_workers" in old.read_text(encoding="utf-8"), "it is left")
            send("alipay", versions.MESSAGE_VERSION)
            eventually(lambda: "queue alipay" in done(), "the worker goes on")
            assert "queue orders" not in done()
            with process(*worker("tests.tasks.newer", "new@%h"), environment=own, log=tmp_path / "new.log"):
                eventually(lambda: "queue orders" in done(), "a newer worker takes it")
        send("refunds", versions.MESSAGE_VERSION)
        with process(*worker("tests.tasks.newer", "new@%h"), environment=own, log=tmp_path / "new.log"):
            eventually(lambda: "queue refunds" in done(), "an older message is understood")
