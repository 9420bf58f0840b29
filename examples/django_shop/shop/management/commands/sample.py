"""`sample`: a few goods, and buyers who are signed in, to try the shop with."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from shop.models import SKU, SPU, Address

PRODUCTS = ("青花盖碗", "公道杯", "紫砂壶", "茶盘", "茶巾")
SKUS_EACH = 2


class Command(BaseCommand):
    help = "Adds goods (once) and buyers; prints each buyer's id, session and address."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--buyers", type=int, default=1)
        parser.add_argument("--stock", type=int, default=100)

    @transaction.atomic
    def handle(self, *, buyers: int, stock: int, **_: Any) -> None:
        if not SKU.objects.exists():
            self._add_goods(stock)
        first = User.objects.count()
        for number in range(first, first + buyers):
            user = User.objects.create_user(f"buyer-{number}")
            address = Address.objects.create(
                user=user, receiver="李雷", mobile="13800000000", region="上海市 徐汇区", place="某路 1 号"
            )
            self.stdout.write(f"{user.id} {_session(user)} {address.id}")

    def _add_goods(self, stock: int) -> None:
        for name in PRODUCTS:
            spu = SPU.objects.create(name=name)
            for kind in range(SKUS_EACH):
                SKU.objects.create(spu=spu, name=f"{name} {kind + 1} 号", price="10.00", stock=stock)


def _session(user: User) -> str:
    """As signing in makes it."""
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)
