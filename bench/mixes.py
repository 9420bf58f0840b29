"""What buyers do: the mixes of orders, and one measured run of a mix through the whole stack."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle, islice

from bench import client
from bench.client import Tally, percentile
from bench.stack import Stack
from checkout.stock.catalog import Item

WIDE = 10_000
PLENTY = 10**9
SCARCE = 100
PRICE = "10.00"
MOST_PER_SECOND = 12_000
OPEN_CONNECTIONS = 512
ADDRESS = {"recipient": "王小明", "phone": "13800000000", "region": "上海市浦东新区", "detail": "世纪大道 100 号 3 楼"}

_draw = random.Random(1)  # The same orders in every run.


@dataclass(frozen=True)
class Mix:
    """A kind of load: which SKUs an order takes, one unit each."""

    name: str
    title: str
    skus: int
    lines: int

    def draw(self) -> list[str]:
        """The SKUs of one order."""
        return [f"{self.name}-{n}" for n in _draw.sample(range(1, self.skus + 1), self.lines)]

    def items(self, stock: int = PLENTY) -> list[Item]:
        """Four SKUs are one SPU, as the colours of a cup are."""
        return [
            Item(f"{self.name}-{n}", f"{self.name}-{n // 4}", f"{self.title} {n}", PRICE, stock)
            for n in range(1, self.skus + 1)
        ]


HOT = Mix("hot", "one hot SKU", 1, 1)
TEN = Mix("ten", "ten SKUs × 2 lines", 10, 2)
MANY = Mix("wide", "10,000 SKUs × 2 lines", WIDE, 2)
GONE = Mix("gone", "a sold-out SKU", 1, 1)
MIXES = (HOT, TEN, MANY)


def catalogue() -> list[Item]:
    return [item for mix in MIXES for item in mix.items()] + GONE.items(SCARCE)


@dataclass
class Run:
    """One mix through the whole stack; times are seconds, `cpu_us` is by service and per order."""

    tally: Tally
    placed: int
    rejected: int
    left: int  # accepted orders that neither became placed nor rejected
    took: float  # from the first request to the last placement
    through: float  # from the first request until no order waited any more
    to_placement: list[float]
    cpu_us: dict[str, float]

    @property
    def per_second(self) -> float:
        return self.placed / self.took

    @property
    def refused(self) -> int:
        """At the door, or by the workers."""
        return self.tally.statuses[409] + self.rejected

    @property
    def refused_per_second(self) -> float:
        return self.refused / (self.tally.ended - self.tally.began)


def users(stack: Stack) -> Iterator[int]:
    """Everybody in turn, in a mixed order, so that nobody meets his cap by chance."""
    everybody = list(range(1, len(stack.tokens) + 1))
    _draw.shuffle(everybody)
    return cycle(everybody)


def orders(stack: Stack, mix: Mix) -> Iterator[bytes]:
    """Order requests without end, each with a key of its own."""
    run, buyers = secrets.token_hex(4), users(stack)
    for number in count():
        yield order(stack.token(next(buyers)), f"{run}-{number}", mix.draw())


def beforehand(stack: Stack, mix: Mix, most: float) -> Iterator[bytes]:
    """So many order requests, made before the clock starts."""
    return iter(list(islice(orders(stack, mix), int(most))))


_REST = json.dumps({"pay_method": "alipay", "address": ADDRESS}, ensure_ascii=False)[1:].encode()


def order(token: bytes, key: str, sku_ids: list[str]) -> bytes:
    lines = ",".join([f'{{"sku_id":"{sku_id}","quantity":1}}' for sku_id in sku_ids])
    body = b'{"items":[%b],%b' % (lines.encode(), _REST)
    headers = b"Content-Type: application/json\r\nIdempotency-Key: %b\r\n" % key.encode()
    return client.request("POST", "/v1/orders", token, body, headers)


def closed(stack: Stack, mix: Mix, connections: int, seconds: float) -> Run:
    """As many orders as so many connections can send."""
    requests = beforehand(stack, mix, seconds * MOST_PER_SECOND)
    return _run(stack, lambda: client.closed_loop(stack.port, requests, connections, seconds))


def opened(stack: Stack, mix: Mix, per_second: float, seconds: float) -> Run:
    """Orders at that rate."""
    requests = beforehand(stack, mix, seconds * per_second + 1)
    return _run(stack, lambda: client.open_loop(stack.port, requests, OPEN_CONNECTIONS, per_second, seconds))


def _run(stack: Stack, load: Callable[[], Tally]) -> Run:
    stack.checkpoint()
    first = stack.one("SELECT COALESCE(max(id), 0) FROM orders")
    before = stack.cpu_seconds()
    tally = load()
    through = stack.settle()
    made = stack.one("SELECT count(*) FROM orders WHERE id > :first", first=first)
    refused = tally.statuses[409]
    return _counted(stack, tally, first, through, stack.cpu_us_since(before, made + refused))


def _counted(stack: Stack, tally: Tally, first: int, through: float, cpu_us: dict[str, float]) -> Run:
    """What the orders themselves say: an order counts when its status says that it was placed."""
    found = stack.rows(
        "SELECT status, count(*), extract(epoch FROM max(placed_at))::float8 FROM orders WHERE id > :first GROUP BY 1",
        first=first,
    )
    statuses = {status: number for status, number, _ in found}
    last = max((at for _, _, at in found if at is not None), default=tally.ended)
    waits = stack.rows(
        "SELECT extract(epoch FROM placed_at - accepted_at)::float8 FROM orders "
        "WHERE id > :first AND placed_at IS NOT NULL",
        first=first,
    )
    return Run(
        tally=tally,
        placed=statuses.get("awaiting_payment", 0),
        rejected=statuses.get("rejected", 0),
        left=statuses.get("accepted", 0),
        took=last - tally.began,
        through=through - tally.began,
        to_placement=[wait for (wait,) in waits],
        cpu_us=cpu_us,
    )


@dataclass
class Reads:
    """Status reads: whole answers, and the 304s of those who know the order already."""

    whole: Tally
    unchanged: Tally


def reads(stack: Stack, seconds: float) -> Reads:
    """GETs of many orders, each by its owner."""
    some = stack.rows(
        "SELECT id, user_id, version FROM orders WHERE placed_at IS NOT NULL ORDER BY id DESC LIMIT 20000"
    )

    def asked(known: bool) -> Iterator[bytes]:
        while True:
            row = _draw.choice(some)
            header = b'If-None-Match: "%d"\r\n' % row.version if known else b""
            yield client.request("GET", f"/v1/orders/{row.id}", stack.token(row.user_id), headers=header)

    tallies = [client.closed_loop(stack.port, asked(known), 64, seconds) for known in (False, True)]
    return Reads(*tallies)


def spread(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds."""
    return {f"p{percent}": percentile(seconds, percent) * 1000 for percent in (50, 95, 99)} if seconds else {}
