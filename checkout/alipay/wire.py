"""python-alipay-sdk with its faults cured: kept-alive connections, deadlines, POST, fast RSA, Beijing time.

The overridden names are the SDK's own seams (facts for 3.4.0); the pin in pyproject.toml keeps them still.
"""

from __future__ import annotations

import json
import time
from base64 import b64decode
from typing import Any
from urllib.parse import urlsplit

import urllib3
from alipay import AliPay
from structlog import get_logger
from urllib3.exceptions import HTTPError

from checkout import clock
from checkout.alipay.certificates import Trust, Untrusted
from checkout.alipay.keys import Keys
from checkout.errors import CheckoutError

log = get_logger(__name__)

CONNECT_SECONDS = 3.0
CALL_SECONDS = 10.0
LARGEST_ANSWER_BYTES = 1_000_000


class NoAnswer(CheckoutError):
    """Nothing that can be believed came back: whether the call was executed is unknown."""

    code = "alipay_unknown"
    retry = True


class Wire(AliPay):  # type: ignore[misc] # The SDK ships no types.
    """Signs and sends requests, and returns only answers whose signature holds."""

    def __init__(self, app_id: str, keys: Keys, trust: Trust, gateway_url: str, notify_url: str) -> None:
        self.keys, self.trust = keys, trust
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
        answer = json.loads(self._post(self.sign_data(body)))
        return b64decode(answer["alipay_open_app_alipaycert_download_response"]["alipay_cert_content"])

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
        raw = self._post(self.sign_data(data))
        try:
            envelope = json.loads(raw)
            inner, signature = self._inner(envelope, response_type)
        except (ValueError, TypeError) as error:
            raise NoAnswer("Alipay's answer is not what the protocol says") from error
        if signature is None:
            return self._unsigned(inner)
        name = response_type if response_type in envelope else "error_response"
        named = str(envelope["alipay_cert_sn"]) if "alipay_cert_sn" in envelope else None
        if not self._verify(self._get_string_to_be_signed(raw, name), signature, named):
            raise NoAnswer("the signature of Alipay's answer does not hold")
        if named:
            self.trust.share(named)
        return inner

    def _inner(self, envelope: dict[str, Any], response_type: str) -> tuple[dict[str, Any], str | None]:
        inner = envelope.get(response_type, envelope.get("error_response"))
        if not isinstance(inner, dict):
            raise TypeError(response_type)
        return inner, envelope.get("sign")

    def _unsigned(self, inner: dict[str, Any]) -> dict[str, Any]:
        """Some refusals at the gateway's door come without signature; only those are heard."""
        if str(inner.get("code")) in ("40001", "40002", "40003", "40005", "40006", "20001"):
            return inner
        raise NoAnswer("Alipay's answer is not signed")

    def _get_string_to_be_signed(self, raw_string: str, response_type: str) -> str:
        """The text of the inner object exactly as it was sent; the SDK's own count of braces errs inside strings."""
        start = raw_string.index("{", raw_string.index(f'"{response_type}"'))
        _, end = json.JSONDecoder().raw_decode(raw_string, start)
        return raw_string[start:end]

    def _post(self, body: str) -> str:
        deadline = time.monotonic() + CALL_SECONDS
        try:
            response = self._pool.request(
                "POST",
                self._gateway,
                body=body,
                headers={"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"},
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=CALL_SECONDS, total=CALL_SECONDS),
                redirect=False,
                preload_content=False,
            )
            with response:
                return _read(response, deadline)
        except (HTTPError, OSError, UnicodeDecodeError) as error:
            host = urlsplit(self._gateway).hostname
            raise NoAnswer(f"no answer from {host}: {type(error).__name__}") from error


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
