"""What one process holds open: the database, Redis, and Alipay's port, each made when it is first needed."""

from __future__ import annotations

from functools import cached_property

from redis import Redis

from checkout import db
from checkout.alipay.client import Alipay
from checkout.db import Engine
from checkout.metrics import measures
from checkout.orders.allocation import Terms
from checkout.payments.trades import Rules
from checkout.postgres import faults
from checkout.settings import Settings


class Resources:
    """One per process; made after the fork, so that no socket is shared."""

    def __init__(self, settings: Settings, *, connections: int = 4) -> None:
        self.settings = settings
        self.rules = Rules(reinstate=settings.late_money == "reinstate")
        self._connections = connections

    @cached_property
    def terms(self) -> Terms:
        """Raises SettingsError for prices that cannot be read or imported."""
        return Terms.of(self.settings)

    @cached_property
    def engine(self) -> Engine:
        measures.database_errors.begin(faults.REASONS)
        return db.connect(self.settings.database_url, size=self._connections)

    @cached_property
    def redis(self) -> Redis:
        return Redis.from_url(self.settings.redis_url, socket_timeout=2, socket_connect_timeout=2)

    @cached_property
    def alipay(self) -> Alipay:
        return Alipay(self.settings, self.redis)

    def close(self) -> None:
        if "engine" in self.__dict__:
            self.engine.dispose()
        if "redis" in self.__dict__:
            self.redis.close()
