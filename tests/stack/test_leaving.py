"""What leaves a whole stack: webhooks through its workers, and buyers that nobody knows any more, while others buy."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from redis import Redis
from urllib3.exceptions import HTTPError

from checkout import db, settings
from checkout.audit import invariants
from checkout.db import Engine, reading, sql
from ops.up import RunningStack, start_stack
from sandbox.alipay.door import token_of
from tests.shared import ports
from tests.shared.client import an_order_body, token
from tests.shared.command import in_a_process
from tests.shared.processes import HTTP, eventually
from tests.webhooks.receiver import receiving

pytestmark = pytest.mark.timeout(700)

BUYERS = range(1, 9)
ERASED = 5
ORDERS_OF_EACH = 4


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    data_dir = tmp_path_factory.mktemp("leaving") / "stack"
    own = {name: value for name, value in settings.environment().items() if not name.startswith("CHECKOUT_")}
    with start_stack(
        data_dir,
        port=ports.free(),
        flower_port=ports.free(),
        alipay_port=ports.free(),
        environ=own,
        time_scale=1000,
    ) as running:
        yield running


def operate(stack: RunningStack, *arguments: object) -> str:
    """What an operator's command prints."""
    done = in_a_process(*arguments, "--data-dir", stack.data_dir, environment={})
    assert done.returncode == 0, done.stderr
    return done.stdout


def call(stack: RunningStack, method: str, path: str, user: int, body: Any = None, **headers: str) -> Any:
    told = settings.parse(settings.stored(stack.data_dir))
    bearer = {"Authorization": f"Bearer {token(told, user, is_operator=user == 0)}"}
    answer = HTTP.request(method, f"{stack.api_url}{path}", json=body, headers=bearer | headers)
    assert answer.status < 300, answer.data
    return answer.json() if answer.data else None


def marks(user: int) -> list[str]:
    """What names this buyer, and nobody else."""
    return [f"收件人{user}号", f"13{user:09d}", f"某路 {user:04d} 弄", f"请放在{user}楼门口", f"送给{user}号朋友"]


def buys(stack: RunningStack, user: int, number: int) -> str:
    """One order of his is placed, and every second one is paid."""
    recipient, phone, detail, remark, gift = marks(user)
    address = {"recipient": recipient, "phone": phone, "region": "上海市 徐汇区", "detail": detail}
    body = an_order_body(address=address, remark=remark, metadata={"gift": gift})
    order = call(stack, "POST", "/v1/orders", user, body, **{"Idempotency-Key": f"{user}-{number}"})
    path = f"/v1/orders/{order['id']}"
    eventually(lambda: call(stack, "GET", path, user)["status"] == "awaiting_payment", "it is placed")
    if number % 2 == 0:
        offer = call(stack, "POST", f"{path}/payments", user, {"method": "page"})
        admin = {"Authorization": f"Bearer {token_of(stack.data_dir / 'alipay')}"}
        HTTP.request("POST", f"{stack.alipay_url}/admin/pay", json={"pay_url": offer["pay_url"]}, headers=admin)
        eventually(lambda: call(stack, "GET", path, user)["status"] == "awaiting_shipment", "it is paid")
    return str(order["id"])


def ends(stack: RunningStack, user: int, order_id: str) -> None:
    path = f"/v1/orders/{order_id}"
    if call(stack, "GET", path, user)["status"] == "awaiting_payment":
        call(stack, "POST", f"{path}/cancel", user)
    else:
        call(stack, "POST", f"{path}/ship", 0)
        call(stack, "POST", f"{path}/complete", user)


def test_events_reach_a_receiver_that_was_away(stack: RunningStack) -> None:
    port = ports.free()
    made = json.loads(operate(stack, "webhooks", "add", f"http://127.0.0.1:{port}/", "--allow-private", "--json"))
    orders = [buys(stack, 100, number) for number in range(2)]
    path = f"/v1/webhooks/{made['id']}"
    eventually(lambda: call(stack, "GET", path, 0)["failures"] > 0, "nobody answers there")
    with receiving(port) as receiver:
        wanted = {(subject, sequence) for subject in orders for sequence in (2, 3)}
        eventually(lambda: wanted <= _seen(receiver.sequences()), "its events come")
        receiver.verify(made["secret"])
        for sequences in receiver.sequences().values():
            assert sequences == sorted(sequences)
        told = call(stack, "GET", f"/v1/orders/{orders[0]}/timeline", 0)["entries"]
        assert [one for one in told if one["kind"] == "webhook" and one["detail"]["taken"]]
    operate(stack, "webhooks", "remove", made["id"])


def _seen(sequences: dict[str, list[int]]) -> set[tuple[str, int]]:
    return {(subject, sequence) for subject, found in sequences.items() for sequence in found}


def test_after_an_erasure_under_load_nothing_names_the_buyer(stack: RunningStack) -> None:
    _wait_for_a_day_that_lasts()
    over = threading.Event()
    others = threading.Thread(target=_others_buy, args=(stack, over), daemon=True)
    others.start()
    try:
        orders = [buys(stack, ERASED, number) for number in range(ORDERS_OF_EACH)]
        for mark in marks(ERASED):
            assert found_in_the_database(stack, mark), "the search finds what is there"
        operate(stack, "users", "erase", ERASED)
        orders.append(buys(stack, ERASED, ORDERS_OF_EACH))
        for order_id in orders:
            ends(stack, ERASED, order_id)
        eventually(lambda: _is_done(stack), "all of his orders are erased")
    finally:
        over.set()
        others.join(100)
    _bill_is_compared(stack, orders)
    for mark in marks(ERASED):
        assert found_in_the_database(stack, mark) == []
        assert found_in_redis(stack, mark) == []
        assert found_in_logs(stack, mark) == []
    assert found_in_the_database(stack, marks(1)[0]), "others are still known"
    _notifies_name_nobody(stack, orders)
    with reading(engine_of(stack)) as connection:
        assert [finding for finding in invariants.run(connection) if not finding.ok] == []


def _wait_for_a_day_that_lasts() -> None:
    """All of it is to be on one bill."""
    to_midnight = (16 * 3600 - time.time()) % 86400  # Of Beijing, in UTC.
    if to_midnight < 240:
        time.sleep(to_midnight + 1)


def _others_buy(stack: RunningStack, over: threading.Event) -> None:
    number = 0
    while not over.is_set():
        for user in BUYERS:
            if user != ERASED and not over.is_set():
                with suppress(HTTPError):
                    order_id = buys(stack, user, number)
                    if number % 2:
                        ends(stack, user, order_id)
        number += 1


def _is_done(stack: RunningStack) -> bool:
    wish = json.loads(operate(stack, "users", "erase", ERASED, "--json"))
    return bool(wish["to_come"] == 0 and wish["erased"] == ORDERS_OF_EACH + 1)


def engine_of(stack: RunningStack) -> Engine:
    return db.connect(settings.stored(stack.data_dir)["CHECKOUT_DATABASE_URL"], size=1, by_index=False)


_TABLES = sql("""
    SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND relkind = 'r'
""")


def found_in_the_database(stack: RunningStack, mark: str) -> list[str]:
    """The tables that have it in any column."""
    engine, found = engine_of(stack), []
    with reading(engine) as connection:
        for table in connection.execute(_TABLES).scalars().all():
            look = f"SELECT EXISTS (SELECT FROM {table} t WHERE strpos(t::text, :mark) > 0)"
            if connection.execute(sql(look), {"mark": mark}).scalar_one():
                found.append(table)
    engine.dispose()
    return found


_READ: dict[bytes, Callable[[Any, bytes], Any]] = {
    b"string": lambda redis, key: redis.get(key),
    b"list": lambda redis, key: redis.lrange(key, 0, -1),
    b"hash": lambda redis, key: redis.hgetall(key),
    b"set": lambda redis, key: redis.smembers(key),
    b"zset": lambda redis, key: redis.zrange(key, 0, -1),
}


def found_in_redis(stack: RunningStack, mark: str) -> list[bytes]:
    """The keys that have it, in their names or what they hold: as text, or as JSON escapes it."""
    own = settings.stored(stack.data_dir)
    marks = (repr(mark.encode())[2:-1], json.dumps(mark).strip('"'))
    found = []
    for url in {own["CHECKOUT_BROKER_URL"], own["CHECKOUT_REDIS_URL"]}:
        with Redis.from_url(url) as redis:
            for key in list(redis.scan_iter(count=1000)):
                kind: Any = redis.type(key)
                held = repr((key, _READ[kind](redis, key) if kind in _READ else None))
                found += [key] if any(one in held for one in marks) else []
    return found


def found_in_logs(stack: RunningStack, mark: str) -> list[str]:
    logs = [file for file in (stack.data_dir / "logs").iterdir() if file.is_file()]
    assert logs
    return [file.name for file in logs if mark.encode() in file.read_bytes()]


def _bill_is_compared(stack: RunningStack, orders: list[str]) -> None:
    """Alipay's bill of the day comes after the erasure, and names the buyers of others alone."""
    numbers = [
        payment["out_trade_no"]
        for order_id in orders
        for payment in call(stack, "GET", f"/v1/orders/{order_id}/payments", 0)["payments"]
    ]
    engine = engine_of(stack)
    admin = {"Authorization": f"Bearer {token_of(stack.data_dir / 'alipay')}"}
    with reading(engine) as connection:
        day = connection.execute(sql("SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date")).scalar_one().isoformat()
    HTTP.request("POST", f"{stack.alipay_url}/admin/close-day", json={"date": day}, headers=admin)
    in_a_process("reconcile", day, "--data-dir", stack.data_dir, environment={})

    def is_blanked() -> bool:
        with reading(engine) as connection:
            waiting = connection.execute(sql("SELECT count(*) FROM bill_erasures")).scalar_one()
            pieces = connection.execute(sql("SELECT bytes FROM bill_archives ORDER BY day, piece")).scalars()
            content = b"".join(map(bytes, pieces))
        if waiting or not content:
            return False
        with zipfile.ZipFile(io.BytesIO(content), metadata_encoding="gb18030") as bill:
            lines = "".join(bill.read(name).decode("gb18030") for name in bill.namelist()).splitlines()
        mine = [line for line in lines if any(number in line for number in numbers)]
        return len(mine) == 3 and not any("*" in line for line in mine) and any("*" in line for line in lines[5:])

    eventually(is_blanked, "the bill names others alone")
    engine.dispose()


def _notifies_name_nobody(stack: RunningStack, orders: list[str]) -> None:
    engine = engine_of(stack)
    with reading(engine) as connection:
        params = connection.execute(
            sql("""
                SELECT t.params FROM notifies t JOIN payments p ON p.out_trade_no = t.out_trade_no
                WHERE p.order_id = ANY(CAST(:ids AS bigint[]))
            """),
            {"ids": "{" + ",".join(orders) + "}"},
        ).scalars()
        told = params.all()
    engine.dispose()
    assert len(told) == 3
    assert not [name for one in told for name in one if name.startswith("buyer_") and name != "buyer_pay_amount"]
