"""Bodies to begin with."""

from __future__ import annotations

from typing import Any

import msgspec

from api import bodies, operator_bodies

_ADDRESS = {"recipient": "王小明", "phone": "13800000000", "region": "上海市", "detail": "世纪大道 100 号"}

EXAMPLES: dict[type[msgspec.Struct], dict[str, Any]] = {
    bodies.OrderRequest: {
        "items": [{"sku_id": "1", "quantity": 2}],
        "pay_method": "alipay",
        "address": _ADDRESS,
    },
    bodies.QuoteRequest: {"items": [{"sku_id": "1", "quantity": 2}], "address": _ADDRESS},
    bodies.CartItemRequest: {"quantity": 2},
    bodies.PaymentRequest: {"method": "page"},
    bodies.RefundRequest: {"items": [{"sku_id": "1", "quantity": 1}], "reason": "broken on its way"},
    bodies.ShipmentRequest: {"carrier": "顺丰速运", "tracking_number": "SF1234567890123"},
    operator_bodies.SkuRequest: {"spu_id": "1", "title": "Tea, 100 g", "price": "59.90", "stock": 100},
    operator_bodies.StockRequest: {"add": 20},
    operator_bodies.WebhookRequest: {"url": "https://shop.example.com/events", "topics": ["order.*", "refund.*"]},
}
