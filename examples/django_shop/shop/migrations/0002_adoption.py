"""What the adoption adds. The older code may go on: the database itself fills what it does not know."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.models import PROTECT, ForeignKey

from shop.migrations import an_id


class Migration(migrations.Migration):
    dependencies: ClassVar = [("shop", "0001_article")]
    operations: ClassVar = [
        migrations.AddField("SKU", "sequence", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField("OrderInfo", "sequence", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField(
            "OrderInfo", "checkout_id", models.CharField(blank=True, default="", db_default="", max_length=20)
        ),
        migrations.AddField("OrderInfo", "asked", models.JSONField(null=True)),
        migrations.AlterField(
            "OrderInfo",
            "status",
            models.SmallIntegerField(
                choices=[
                    *((0, "下单中"), (1, "待支付"), (2, "待发货"), (3, "待收货")),
                    *((4, "待评价"), (5, "已完成"), (6, "已取消")),
                ]
            ),
        ),
        migrations.CreateModel("Bookmark", [an_id(), ("event_id", models.BigIntegerField(default=0))]),
        migrations.CreateModel(
            "GivenBack",
            [
                an_id(),
                ("order", ForeignKey(on_delete=PROTECT, to="shop.orderinfo")),
                ("sku", ForeignKey(on_delete=PROTECT, to="shop.sku")),
                ("count", models.IntegerField()),
                ("asked_at", models.DateTimeField(null=True)),
                ("done_at", models.DateTimeField(null=True)),
            ],
        ),
    ]
