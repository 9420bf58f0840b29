"""The tables of the article's shop."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import migrations, models
from django.db.models import CASCADE, PROTECT, ForeignKey

from shop.migrations import an_id


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations: ClassVar = [
        migrations.CreateModel(
            "SPU", [an_id(), ("name", models.CharField(max_length=50)), ("sales", models.IntegerField(default=0))]
        ),
        migrations.CreateModel(
            "SKU",
            [
                an_id(),
                ("spu", ForeignKey(on_delete=PROTECT, to="shop.spu")),
                ("name", models.CharField(max_length=50)),
                ("price", models.DecimalField(decimal_places=2, max_digits=10)),
                ("stock", models.IntegerField(default=0)),
                ("sales", models.IntegerField(default=0)),
                ("is_launched", models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            "Address",
            [
                an_id(),
                ("user", ForeignKey(on_delete=CASCADE, to=settings.AUTH_USER_MODEL)),
                ("receiver", models.CharField(max_length=20)),
                ("mobile", models.CharField(max_length=11)),
                ("region", models.CharField(max_length=60)),
                ("place", models.CharField(max_length=50)),
            ],
        ),
        migrations.CreateModel(
            "OrderInfo",
            [
                ("order_id", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("user", ForeignKey(on_delete=PROTECT, to=settings.AUTH_USER_MODEL)),
                ("address", ForeignKey(on_delete=PROTECT, to="shop.address")),
                ("total_count", models.IntegerField(default=0)),
                ("total_amount", models.DecimalField(decimal_places=2, default=0, max_digits=10)),
                ("freight", models.DecimalField(decimal_places=2, default=0, max_digits=10)),
                ("pay_method", models.SmallIntegerField(choices=[(1, "货到付款"), (2, "支付宝")])),
                (
                    "status",
                    models.SmallIntegerField(
                        choices=[
                            *((1, "待支付"), (2, "待发货"), (3, "待收货"), (4, "待评价"), (5, "已完成"), (6, "已取消"))
                        ]
                    ),
                ),
                ("create_time", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            "OrderGoods",
            [
                an_id(),
                ("order", ForeignKey(on_delete=CASCADE, related_name="skus", to="shop.orderinfo")),
                ("sku", ForeignKey(on_delete=PROTECT, to="shop.sku")),
                ("count", models.IntegerField(default=1)),
                ("price", models.DecimalField(decimal_places=2, max_digits=10)),
            ],
            options={"constraints": [models.UniqueConstraint(fields=("order", "sku"), name="one_line_a_sku")]},
        ),
    ]
