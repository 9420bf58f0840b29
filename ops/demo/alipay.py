"""The local Alipay as the demo uses it: its cashier by browser, its admin API, and a forger."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

import urllib3
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ops.demo.timeline import Missed

NOTIFY_SECONDS = 8.0
_PAUSE_SECONDS = 0.1
_MOST_REDIRECTS = 5
_LARGE_ENOUGH = 2048


class LocalAlipay:
    """The gateway of one stack."""

    def __init__(self, settings: Mapping[str, str], admin_token: str) -> None:
        """`settings` are those that `checkout up` wrote down."""
        self._admin_token = admin_token
        self._url = settings["CHECKOUT_ALIPAY_GATEWAY_URL"].removesuffix("/gateway.do")
        self._app_id, self._seller_id = settings["CHECKOUT_ALIPAY_APP_ID"], settings["CHECKOUT_ALIPAY_SELLER_ID"]
        self._http = urllib3.PoolManager(maxsize=10, retries=False, timeout=urllib3.Timeout(connect=3, read=20))

    def arm(self, fault: str, **rule: Any) -> None:
        """Has something go wrong from now on; `sandbox/alipay/faults.py` lists what can."""
        self._admin("POST", "faults", {"fault": fault, **rule})

    def close_day(self, day: str) -> None:
        """Its bill exists from now on, with what has happened so far."""
        self._admin("POST", "close-day", {"date": day})

    def notifies(self, out_trade_no: str, state: str) -> list[dict[str, Any]]:
        """The trade's notifies in that state, waited for. Raises Missed."""
        deadline = time.monotonic() + NOTIFY_SECONDS
        while True:
            notifies = self._admin("GET", f"notifies?out_trade_no={out_trade_no}")["notifies"]
            found = [notify for notify in notifies if notify["state"] == state]
            if found:
                return found
            if time.monotonic() > deadline:
                states = ", ".join(notify["state"] for notify in notifies) or "none at all"
                raise Missed(f"waited {NOTIFY_SECONDS:g} s for a notify that is {state}; there is {states}")
            time.sleep(_PAUSE_SECONDS)

    def _admin(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._admin_token}"}
        answer = self._http.request(method, f"{self._url}/admin/{path}", json=body, headers=headers)
        if answer.status != 200:
            raise Missed(f"the local Alipay answered {answer.status} to {path}: {answer.data.decode()[:200]}")
        said: dict[str, Any] = answer.json()
        return said

    def forged_notify(self, payment: Mapping[str, Any]) -> dict[str, str]:
        """A notify that says the payment succeeded: right in all but the key that signed it."""
        notify = {
            "app_id": self._app_id,
            "charset": "utf-8",
            "notify_type": "trade_status_sync",
            "out_trade_no": str(payment["out_trade_no"]),
            "seller_id": self._seller_id,
            "total_amount": str(payment["amount"]),
            "trade_no": "2026000022001400000000000000",
            "trade_status": "TRADE_SUCCESS",
            "version": "1.0",
        }
        content = "&".join(f"{name}={notify[name]}" for name in sorted(notify)).encode()
        key = rsa.generate_private_key(65537, _LARGE_ENOUGH)
        sign = key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        return notify | {"sign_type": "RSA2", "sign": base64.b64encode(sign).decode()}


class Browser:
    """Opens pages, presses the buttons of their forms, and follows where they lead."""

    def __init__(self) -> None:
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=3, read=20))
        self.url = ""
        self._page = ""

    def open(self, url: str) -> None:
        """Ends where the redirects end. Raises Missed when that is no good page."""
        self._go("GET", url)

    def press(self, step: str) -> str:
        """Presses the button that leads to `step`; returns where the answer redirects, which is not followed."""
        action = re.search(rf'action="([^"]+/{step})"', self._page)
        if action is None:
            raise Missed(f"the page {self.url} has no button for {step}")
        answer = self._http.request("POST", urljoin(self.url, action[1]), redirect=False)
        return urljoin(self.url, answer.headers.get("Location", ""))

    def _go(self, method: str, url: str) -> None:
        for _ in range(_MOST_REDIRECTS):
            answer = self._http.request(method, url, redirect=False)
            location = answer.get_redirect_location()
            if not location:
                break
            url = urljoin(url, location)
        if answer.status != 200:
            raise Missed(f"the browser ended at {url} with {answer.status}")
        self.url, self._page = url, answer.data.decode(errors="replace")  # Refusals come in GBK.
