"""python-alipay-sdk with its faults cured: kept-alive connections, deadlines, POST, fast RSA, Beijing time.

The overridden names are the SDK's own seams (facts for 3.4.0); the pin in pyproject.toml keeps them still.
"""

from __future__ import annotations

import re
import time
from base64 import b64decode
from typing import Any
from urllib.parse import urlsplit

import urllib3
from alipay import AliPay
from structlog import get_logger
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from checkout import clock
from checkout.alipay import envelope
from checkout.alipay.certificates import Trust, Untrusted
from checkout.alipay.keys import Keys
from checkout.errors import CheckoutError

log = get_logger(__name__)

CONNECT_SECONDS = 3.0
CALL_SECONDS = 10.0
LARGEST_ANSWER_BYTES = 1_000_000
_CODE = re.compile(r"[\w.-]{1,64}", re.ASCII)


class NoAnswer(CheckoutError):
    """Nothing that can be believed came back: whether the call was executed is unknown."""

    code = "alipay_unknown"

    def __init__(self, message: str, *, was_sent: bool = True) -> None:
        super().__init__(message)
        self.was_sent = was_sent


class Unsigned(NoAnswer):
    """The gateway turns some away at its door without a signature; that may name a wrong setting, never an outcome."""

    def __init__(self, fields: dict[str, Any]) -> None:
        said = (str(fields.get(name, "")) for name in ("sub_code", "code"))
        self.named = next((word for word in said if _CODE.fullmatch(word)), "")
        super().__init__(f"Alipay's answer is not signed ({self.named or 'it names no code'})")


class Wire(AliPay):  # type: ignore[misc] # The SDK ships no types.
    """Signs and sends requests, and returns only answers whose signature holds, within `call_seconds`."""

    def __init__(
        self, app_id: str, keys: Keys, trust: Trust, gateway_url: str, notify_url: str, call_seconds: float
    ) -> None:
        self.keys, self.trust = keys, trust
        self._call_seconds = call_seconds
        super().__init__(appid=app_id, app_notify_url=notify_url)
        self._gateway = gateway_url
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)

    def _load_key(self) -> None:
        """`Keys` has them already."""

    def _sign(self, unsigned_string: str) -> str:
        return self.keys.sign(unsigned_string)

    def _verify(self, raw_content: str, signature: str, named: str | None = None) -> bool:
        if named is None or self.trust.knows(named) or self._learn(named):
            return self.trust.verifies(raw_content.encode(), signature, named)
        return False

    def _learn(self, serial: str) -> bool:
        """Alipay signs with a certificate that is new here: another process has it, or Alipay gives it."""
        self.trust.refresh()
        if not self.trust.knows(serial):
            try:
                self.trust.admit(serial, self._download(serial))
            except (Untrusted, ValueError, KeyError, TypeError) as error:
                log.warning("alipay_certificate_refused", serial=serial, why=f"{type(error).__name__}: {error}")
                return False
        return True

    def _download(self, serial: str) -> bytes:
        """The certificate; its chain is its proof, so the answer around it needs none."""
        body = self.build_body("alipay.open.app.alipaycert.download", {"alipay_cert_sn": serial})
        answer = envelope.opened(self._post(self.sign_data(body)), "alipay_open_app_alipaycert_download_response")
        return b64decode(answer.fields["alipay_cert_content"])

    def build_body(self, method: str, biz_content: dict[str, Any] | None = None, **kwargs: Any) -> dict[str, Any]:
        """The common parameters; the caller may pass `timestamp` to sign the same text again."""
        kwargs.setdefault("timestamp", clock.beijing_now())
        if self.keys.app_cert_sn:
            kwargs |= {"app_cert_sn": self.keys.app_cert_sn, "alipay_root_cert_sn": self.keys.root_cert_sn}
        data: dict[str, Any] = super().build_body(method, biz_content, **kwargs)
        return data

    def link(self, method: str, biz_content: dict[str, Any], **common: Any) -> str:
        """A signed address for the buyer's browser."""
        return f"{self._gateway}?{self.client_api(method, biz_content, **common)}"

    def call(self, method: str, biz_content: dict[str, Any], **common: Any) -> dict[str, Any]:
        """The verified inner answer, business failures included. Raises NoAnswer."""
        answer: dict[str, Any] = self.server_api(method, biz_content, **common)
        return answer

    def verified_sync_response(self, data: dict[str, Any], response_type: str) -> dict[str, Any]:
        """The SDK's one way to the network."""
        try:
            answer = envelope.opened(self._post(self.sign_data(data)), response_type)
        except ValueError as error:
            raise NoAnswer("Alipay's answer is not what the protocol says") from error
        if answer.signature is None:
            raise Unsigned(answer.fields)
        if not self._verify(answer.content, answer.signature, answer.serial):
            raise NoAnswer("the signature of Alipay's answer does not hold")
        if answer.serial:
            self.trust.share(answer.serial)
        return answer.fields

    def _post(self, body: str) -> str:
        deadline = time.monotonic() + self._call_seconds
        try:
            response = self._pool.request(
                "POST",
                self._gateway,
                body=body,
                headers={"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"},
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=self._call_seconds, total=self._call_seconds),
                redirect=False,
                preload_content=False,
            )
            with response:
                return _read(response, deadline)
        except (HTTPError, OSError, UnicodeDecodeError) as error:
            host = urlsplit(self._gateway).hostname
            was_sent = not isinstance(error, (NewConnectionError, ConnectTimeoutError))
            raise NoAnswer(f"no answer from {host}: {type(error).__name__}", was_sent=was_sent) from error


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> str:
    content = b""
    while chunk := response.read1(65_536):
        content += chunk
        if len(content) > LARGEST_ANSWER_BYTES or time.monotonic() > deadline:
            response.close()
            raise NoAnswer("Alipay's answer has no end")
    response.release_conn()
    if response.status != 200:
        raise NoAnswer(f"Alipay's gateway answered HTTP {response.status}")
    return content.decode()
