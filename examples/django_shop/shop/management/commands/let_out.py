"""`let_out`: ends old orders that nobody has paid, and gives their units to checkout."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from shop import checkout
from shop.models import GivenBack, OrderInfo

Status = OrderInfo.Status


class Command(BaseCommand):
    help = "Cancels orders of the old view that were not paid for so many minutes, and puts their units on sale."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--minutes", type=int, required=True, help="longer than their links at Alipay can be paid")

    def handle(self, *, minutes: int, **_: Any) -> None:
        old = OrderInfo.objects.filter(checkout_id="", status=Status.UNPAID)
        late = old.filter(create_time__lt=timezone.now() - timedelta(minutes=minutes))
        ended = sum(_cancel(order) for order in late)
        given, faults = _give_all()
        unknown = GivenBack.objects.filter(asked_at__isnull=False, done_at=None)
        for units in unknown:
            self.stderr.write(f"{units.order_id}: nobody knows whether {units.count} of SKU {units.sku_id} arrived")
        sent = OrderInfo.objects.filter(checkout_id="", status__in=(Status.UNSEND, Status.UNRECEIVED))
        self.stdout.write(f"let out {ended}, gave back {given}, wait for money {old.count()}, for goods {sent.count()}")
        if faults:
            raise CommandError("\n".join(faults))


@transaction.atomic
def _cancel(order: OrderInfo) -> int:
    """Unless it was paid in this moment. Its units are written down with it, so that none is forgotten."""
    if not OrderInfo.objects.filter(pk=order.pk, status=Status.UNPAID).update(status=Status.CANCELED):
        return 0
    GivenBack.objects.bulk_create(
        GivenBack(order=order, sku_id=line.sku_id, count=line.count) for line in order.skus.all()
    )
    return 1


def _give_all() -> tuple[int, list[str]]:
    """The units that went over, and what did not go. A row that is refused keeps nobody behind it from going."""
    given, faults = 0, []
    for units in GivenBack.objects.filter(asked_at=None).order_by("id"):
        try:
            given += _give(units)
        except checkout.Away:
            faults.append(f"{units.order_id}: no answer; the rest waits for the next run")
            break
        except checkout.Refused as refused:
            faults.append(f"{units.order_id}: {units.count} of SKU {units.sku_id} are refused: {refused}")
    return given, faults


def _give(units: GivenBack) -> int:
    """That it is asked is committed before it is asked, so that no unit can come twice. Raises Away and Refused."""
    if not GivenBack.objects.filter(pk=units.pk, asked_at=None).update(asked_at=timezone.now()):
        return 0
    try:
        checkout.give_back(units.sku_id, units.count)
    except (checkout.Unsent, checkout.Refused):  # Surely not done: the next run may ask again.
        GivenBack.objects.filter(pk=units.pk).update(asked_at=None)
        raise
    GivenBack.objects.filter(pk=units.pk).update(done_at=timezone.now())
    return int(units.count)
