"""`export_catalogue`: the SKU table as `checkout catalog load` takes it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from shop.models import SKU

COLUMNS = ("sku_id", "spu_id", "title", "price", "stock", "on_sale")


class Command(BaseCommand):
    help = "Writes every SKU to FILE. Close the orders first: what is sold meanwhile would be sold twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *, file: Path, **_: Any) -> None:
        skus = list(SKU.objects.order_by("id"))
        with file.open("w", encoding="utf-8", newline="") as out:
            table = csv.writer(out)
            table.writerow(COLUMNS)
            for sku in skus:
                on_sale = "true" if sku.is_launched else "false"
                table.writerow([sku.id, sku.spu_id, sku.name, sku.price, sku.stock, on_sale])
        self.stdout.write(f"exported {len(skus)}")
