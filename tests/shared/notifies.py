"""Notifies as Alipay signs them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from checkout import clock, money
from checkout.orders.ledger import Payment
from sandbox.alipay.keys import Keys, load_private


@dataclass(frozen=True)
class Signer:
    """Alipay's side: its private key, and the merchant it writes to."""

    keys: Keys

    def params(self, payment: Payment, status: str = "TRADE_SUCCESS", **changes: str) -> dict[str, str]:
        """The parameters of a notify about the attempt, without a signature."""
        return {
            "notify_time": "2026-11-22 21:00:00",
            "notify_type": "trade_status_sync",
            "notify_id": "2026112200222210000",
            "charset": "utf-8",
            "version": "1.0",
            "sign_type": "RSA2",
            "app_id": self.keys.app_id,
            "seller_id": self.keys.seller_id,
            "out_trade_no": payment.out_trade_no,
            "trade_no": "2026112222001400001",
            "trade_status": status,
            "total_amount": money.yuan(payment.amount_fen),
            "gmt_create": clock.beijing(payment.created_at or datetime.now(UTC)),
            "subject": "一双 & 袜子 = 好",
            **changes,
        }

    def signed(self, params: dict[str, str]) -> dict[str, str]:
        codec = "gb18030" if params.get("charset", "").lower() == "gbk" else "utf-8"
        text = "&".join(f"{name}={params[name]}" for name in sorted(params) if name not in ("sign", "sign_type"))
        key = load_private(self.keys.alipay_private_key_file)
        return params | {"sign": base64.b64encode(key.sign(text.encode(codec), PKCS1v15(), hashes.SHA256())).decode()}

    def body(self, payment: Payment, status: str = "TRADE_SUCCESS", **changes: str) -> bytes:
        """The whole form."""
        params = self.signed(self.params(payment, status, **changes))
        return form(params, "gb18030" if changes.get("charset", "").lower() == "gbk" else "utf-8")


def form(params: dict[str, str], codec: str = "utf-8") -> bytes:
    return urlencode(params, encoding=codec).encode()
