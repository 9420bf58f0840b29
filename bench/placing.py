"""`python -m bench.placing [OTHER ...]`: what placing alone costs an order, in this code and in others beside it.

OTHER is a working tree of other code (`git worktree add DIR COMMIT`). Orders of two lines on ten SKUs that use no
discount, parcel or limit are accepted first, then placed in batches of 50; what is told is the CPU of the process and
of its PostgreSQL session. The trees take turns, since a machine's speed drifts.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import psycopg2

from sandbox import postgres

HERE = Path(__file__).parent.parent
SKUS, USERS, BATCH = 10, 5000, 50
_FILL = """
    SELECT make_partitions((now() - interval '1 day')::date, (now() + interval '2 days')::date);
    INSERT INTO spus (id) SELECT 'p' || n FROM generate_series(1, {skus}) AS n;
    INSERT INTO skus (id, spu_id, title, price_fen, stock)
        SELECT 's' || n, 'p' || n, 'a cup of tea', 1000, 10000000 FROM generate_series(1, {skus}) AS n;
    INSERT INTO users (id) SELECT generate_series(1, {users});
"""


@click.command()
@click.argument("others", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--orders", type=click.IntRange(min=1000), default=8000, show_default=True, help="Of each round.")
@click.option("--rounds", type=click.IntRange(min=1), default=8, show_default=True, help="Of each tree.")
def main(others: tuple[Path, ...], orders: int, rounds: int) -> None:
    """Measure this tree and OTHERS in turns; the best round of each is told, in µs an order."""
    trees = [HERE, *(other.absolute() for other in others)]
    best: dict[Path, tuple[float, float]] = {}
    with postgres.temporary_server() as server:
        for number in range(rounds):
            for tree in trees:
                url = postgres.create_database(server.url(), f"placing_{number}_{trees.index(tree)}")
                told = _measured(tree, url, orders)
                best[tree] = min(best.get(tree, told), told, key=sum)
    for tree, (worker, session) in best.items():
        cost = worker + session
        ratio = cost / sum(best[trees[-1]])
        click.echo(
            f"{tree.name}: worker {worker:.1f} + PostgreSQL {session:.1f} = {cost:.1f} µs, {ratio:.3f} × the last"
        )


def _measured(tree: Path, url: str, orders: int) -> tuple[float, float]:
    own = {**os.environ, "PYTHONPATH": str(tree), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, str(Path(__file__).absolute()), "--one", url, str(orders)]
    done = subprocess.run(command, env=own, capture_output=True, check=True, encoding="utf-8")
    worker, session = json.loads(done.stdout)
    return worker, session


def _one(url: str, orders: int) -> None:
    """In a process that has the measured tree's modules."""
    db: Any = importlib.import_module("checkout.db")
    turns: Any = importlib.import_module("checkout.orders.turns")
    placement: Any = importlib.import_module("checkout.orders.placement")
    schema = Path(importlib.import_module("checkout").__path__[0]).parent / "schema.sql"
    with psycopg2.connect(url.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute(schema.read_text(encoding="utf-8"))
        cursor.execute(_FILL.format(skus=SKUS, users=USERS))
    engine = db.connect(url)
    _accept(db, engine, orders)
    placement.MOST_ORDERS = turns.MOST_ORDERS = BATCH
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    before, began = _cpu_seconds(backend), time.process_time()
    placed = sum(one.count for one in turns.run(engine, [1], _terms()))
    worker, session = time.process_time() - began, _cpu_seconds(backend) - before
    if placed != orders:
        raise SystemExit(f"{placed} of {orders} were placed")
    sys.stdout.write(json.dumps([worker / orders * 1e6, session / orders * 1e6]))


def _accept(db: Any, engine: Any, orders: int) -> None:
    acceptance, dice = importlib.import_module("checkout.orders.acceptance"), random.Random(1)
    address = acceptance.Address("王小明", "13800000000", "上海市浦东新区", "世纪大道 100 号")
    requests = []
    for number in range(orders):
        first, second = sorted(dice.sample(range(1, SKUS + 1), 2))
        lines = ((f"s{first}", 1), (f"s{second}", 2))
        user_id = 1 + number % USERS
        requests.append(acceptance.Request(user_id, f"key-{number}", lines, False, "alipay", address, "", None))
    for first in range(0, orders, 100):
        with db.transaction(engine) as connection:
            acceptance.accept(connection, requests[first : first + 100])


def _terms() -> Any:
    """The shop's terms, as this tree has them: the freight came into a policy of its own."""
    allocation = importlib.import_module("checkout.orders.allocation")
    if importlib.util.find_spec("checkout.prices") is None:
        return allocation.Terms(1800, 1000, 0, 20_000)
    policy = importlib.import_module("checkout.prices.policy")
    return allocation.Terms(1800, 20_000, policy.Policy(1000))


def _cpu_seconds(pid: int) -> float:
    used = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(") ", 1)[1].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2], int(sys.argv[3]))
    else:
        main()
