"""The baseline: the view that this service replaces, written anew as its article has it.

An ORM, the cart in Redis, and for each line an optimistic lock on the SKU's stock: read, compute, update if nobody
was faster, else again. SPU sales are read, changed and written back. One statement a step, eight processes.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from redis import Redis
from sqlalchemy import ForeignKey, Numeric, String, create_engine, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from bench.mixes import Mix

PROCESSES = 8
USERS = 4000  # Each process's own; their carts are filled before the clock starts.
FREIGHT = Decimal("10.00")
PLENTY = 10**9


class Base(DeclarativeBase):
    """The article's tables live in a database of their own."""


class Spu(Base):
    __tablename__ = "spu"
    id: Mapped[int] = mapped_column(primary_key=True)
    sales: Mapped[int] = mapped_column(default=0)


class Sku(Base):
    __tablename__ = "sku"
    id: Mapped[int] = mapped_column(primary_key=True)
    spu_id: Mapped[int] = mapped_column(ForeignKey("spu.id"))
    name: Mapped[str] = mapped_column(String(50))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    stock: Mapped[int]
    sales: Mapped[int] = mapped_column(default=0)


class OrderInfo(Base):
    __tablename__ = "order_info"
    order_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(index=True)
    address: Mapped[str] = mapped_column(String(200))
    total_count: Mapped[int]
    total_amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    freight: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    pay_method: Mapped[int]
    status: Mapped[int]
    created_at: Mapped[datetime]


class OrderGoods(Base):
    __tablename__ = "order_goods"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("order_info.order_id"), index=True)
    sku_id: Mapped[int] = mapped_column(ForeignKey("sku.id"))
    count: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))


@dataclass
class Result:
    """What eight processes did together in so many seconds."""

    seconds: float
    placed: int = 0
    retries: int = 0
    failed: int = 0  # deadlocks, mostly: the buyer would have seen an error
    lost_sales: int = 0  # units that the SPU counters forgot

    @property
    def per_second(self) -> float:
        return self.placed / self.seconds


def measure(database_url: str, redis_url: str, mix: Mix, seconds: float) -> Result:
    """Runs the mix on an empty database."""
    engine = create_engine(database_url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    _fill(engine, redis_url, mix)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    gate, results = context.Barrier(PROCESSES + 1), context.Queue()
    buyers = [
        context.Process(target=_buy, args=(database_url, redis_url, number, seconds, gate, results), daemon=True)
        for number in range(PROCESSES)
    ]
    for buyer in buyers:
        buyer.start()
    gate.wait(60)
    total = Result(seconds)
    for _ in buyers:
        placed, retries, failed = results.get(timeout=seconds + 60)
        total.placed, total.retries, total.failed = (
            total.placed + placed,
            total.retries + retries,
            total.failed + failed,
        )
    for buyer in buyers:
        buyer.join(10)
    total.lost_sales = _lost_sales(engine)
    engine.dispose()
    return total


def _fill(engine: Any, redis_url: str, mix: Mix) -> None:
    with Session(engine) as session, session.begin():
        session.add_all([Spu(id=n, sales=0) for n in range(mix.skus // 4 + 1)])
        session.flush()
        session.add_all(
            [Sku(id=n, spu_id=n // 4, name=f"SKU {n}", price=Decimal("10.00"), stock=PLENTY, sales=0)
             for n in range(1, mix.skus + 1)]
        )  # fmt: skip # One row a line.
    with Redis.from_url(redis_url) as redis, redis.pipeline(transaction=False) as pipeline:
        redis.flushdb()
        for user_id in range(PROCESSES * USERS):
            skus = random.sample(range(1, mix.skus + 1), mix.lines)
            pipeline.hset(f"cart_{user_id}", mapping={str(sku): 1 for sku in skus})
            pipeline.sadd(f"cart_selected_{user_id}", *skus)
        pipeline.execute()


def _buy(database_url: str, redis_url: str, number: int, seconds: float, gate: Any, results: Any) -> None:
    # Deadlocks are counted here; the server's log need not tell of each.
    engine = create_engine(database_url, connect_args={"options": "-c log_min_messages=fatal"})
    redis = Redis.from_url(redis_url)
    placed = retries = failed = 0
    with Session(engine) as session:
        session.execute(select(Spu.id).limit(1))
        session.rollback()
        gate.wait(60)
        until = time.monotonic() + seconds
        for user_id in range(number * USERS, (number + 1) * USERS):
            if time.monotonic() >= until:
                break
            try:
                tries = commit_order(session, redis, user_id, until)
                placed += tries is not None
                retries += tries or 0
            except DBAPIError:
                session.rollback()
                failed += 1
    results.put((placed, retries, failed))


def commit_order(session: Session, redis: Redis, user_id: int, until: float) -> int | None:
    """The article's view: one order from the user's cart. Returns the retries, None when time was over."""
    cart: Any = redis.hgetall(f"cart_{user_id}")
    selected: Any = redis.smembers(f"cart_selected_{user_id}")
    order = OrderInfo(
        order_id=datetime.now(UTC).strftime("%Y%m%d%H%M%S") + f"{user_id:09d}",
        user_id=user_id,
        address="上海市浦东新区世纪大道 100 号 3 楼 王小明 13800000000",
        total_count=0,
        total_amount=Decimal(0),
        freight=FREIGHT,
        pay_method=2,
        status=1,
        created_at=datetime.now(UTC).replace(tzinfo=None),
    )
    session.add(order)
    session.flush()
    retries = 0
    for sku_id in selected:
        quantity = int(cart[sku_id])
        tries = _take(session, order, int(sku_id), quantity, until)
        if tries is None:
            session.rollback()
            return None
        retries += tries
    order.total_amount += FREIGHT
    session.commit()
    with redis.pipeline() as pipeline:
        pipeline.hdel(f"cart_{user_id}", *selected)
        pipeline.srem(f"cart_selected_{user_id}", *selected)
        pipeline.execute()
    return retries


def _take(session: Session, order: OrderInfo, sku_id: int, quantity: int, until: float) -> int | None:
    retries = 0
    while time.monotonic() < until:
        sku = session.get_one(Sku, sku_id, populate_existing=True)
        if quantity > sku.stock:
            return None
        origin, spu_id, price = sku.stock, sku.spu_id, sku.price
        changed: Any = session.execute(
            update(Sku)
            .where(Sku.id == sku_id, Sku.stock == origin)
            .values(stock=origin - quantity, sales=sku.sales + quantity)
            .execution_options(synchronize_session=False)
        )
        if changed.rowcount == 0:
            retries += 1
            continue
        spu = session.get_one(Spu, spu_id, populate_existing=True)
        spu.sales += quantity
        session.flush()
        order.total_count += quantity
        order.total_amount += price * quantity
        session.add(OrderGoods(order_id=order.order_id, sku_id=sku_id, count=quantity, price=price))
        session.flush()
        return retries
    return None


def _lost_sales(engine: Any) -> int:
    with Session(engine) as session:
        sold = session.scalars(select(Sku.sales).where(Sku.sales > 0)).all()
        counted = session.scalars(select(Spu.sales).where(Spu.sales > 0)).all()
        return sum(sold) - sum(counted)
