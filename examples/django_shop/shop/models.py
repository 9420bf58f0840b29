"""The shop's tables, and what the adoption added to them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models


class SPU(models.Model):
    """A product."""

    name = models.CharField(max_length=50)
    sales = models.IntegerField(default=0)


class SKU(models.Model):
    """The unit of a product that is sold."""

    spu = models.ForeignKey(SPU, on_delete=models.PROTECT)
    name = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    stock = models.IntegerField(default=0)  # After the adoption a mirror: 0 exactly when nothing is left.
    sales = models.IntegerField(default=0)
    is_launched = models.BooleanField(default=True)
    sequence = models.BigIntegerField(default=0, db_default=0)  # Of the last event of this SKU.


class Address(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    receiver = models.CharField(max_length=20)
    mobile = models.CharField(max_length=11)
    region = models.CharField(max_length=60)
    place = models.CharField(max_length=50)


class OrderInfo(models.Model):
    class Status(models.IntegerChoices):
        PLACING = 0, "下单中"  # New: written down, and nothing is heard of it yet.
        UNPAID = 1, "待支付"
        UNSEND = 2, "待发货"
        UNRECEIVED = 3, "待收货"
        UNCOMMENT = 4, "待评价"
        FINISHED = 5, "已完成"
        CANCELED = 6, "已取消"

    class PayMethod(models.IntegerChoices):
        CASH = 1, "货到付款"
        ALIPAY = 2, "支付宝"

    order_id = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    address = models.ForeignKey(Address, on_delete=models.PROTECT)
    total_count = models.IntegerField(default=0)
    total_amount = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    freight = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    pay_method = models.SmallIntegerField(choices=PayMethod.choices)
    status = models.SmallIntegerField(choices=Status.choices)
    create_time = models.DateTimeField(auto_now_add=True)
    # Empty: an order of the old view.
    checkout_id = models.CharField(max_length=20, default="", db_default="", blank=True)
    asked = models.JSONField(null=True)  # The body that asked checkout for it; a repeat sends the very same.
    sequence = models.BigIntegerField(default=0, db_default=0)  # Of the last event of this order.


class OrderGoods(models.Model):
    order = models.ForeignKey(OrderInfo, related_name="skus", on_delete=models.CASCADE)
    sku = models.ForeignKey(SKU, on_delete=models.PROTECT)
    count = models.IntegerField(default=1)
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["order", "sku"], name="one_line_a_sku")]


class GivenBack(models.Model):
    """Units of an old order that was let out, on their way to checkout, whose stock is the only one now.

    Asked and not done: nobody knows whether checkout has them.
    """

    order = models.ForeignKey(OrderInfo, on_delete=models.PROTECT)
    sku = models.ForeignKey(SKU, on_delete=models.PROTECT)
    count = models.IntegerField()
    asked_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)


class Bookmark(models.Model):
    """The last event that was heard; one row."""

    event_id = models.BigIntegerField(default=0)
