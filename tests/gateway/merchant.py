"""The merchant's side of the wire: the published client, and a listener for notifies."""

import base64
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from alipay import AliPay, AliPayConfig, DCAliPay
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.alipay.keys import Keys

_numbers = itertools.count(1)


def new_order() -> str:
    return f"T{next(_numbers):06}"


class Merchant(AliPay):  # type: ignore[misc]  # the published client has no types
    """The published client, pointed at the local gateway and otherwise as it is."""

    def __init__(self, keys: Keys, gateway: str, timeout: float = 60) -> None:
        super().__init__(
            appid=keys.app_id,
            app_private_key_string=keys.app_private_key_file.read_text(encoding="utf-8"),
            alipay_public_key_string=keys.alipay_public_key_file.read_text(encoding="utf-8"),
            config=AliPayConfig(timeout=timeout),
        )
        self._gateway = gateway

    def page(self, order: str, amount: str = "88.88", subject: str = "一双袜子", **more: Any) -> str:
        """A payment link, as the browser of the buyer gets it."""
        query = self.api_alipay_trade_page_pay(subject, order, amount, **more)
        return f"{self._gateway}?{query}"


class CertifiedMerchant(DCAliPay):  # type: ignore[misc]  # the published client has no types
    """The same in certificate mode."""

    def __init__(self, keys: Keys, gateway: str) -> None:
        super().__init__(
            appid=keys.app_id,
            app_private_key_string=keys.app_private_key_file.read_text(encoding="utf-8"),
            app_public_key_cert_string=keys.app_cert_file.read_text(encoding="utf-8"),
            alipay_public_key_cert_string=keys.alipay_cert_file.read_text(encoding="utf-8"),
            alipay_root_cert_string=keys.alipay_root_cert_file.read_text(encoding="utf-8"),
        )
        self._gateway = gateway


class Listener:
    """Receives notifies. `reply` decides the answer: HTTP status and body, by how many came before."""

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.reply: Callable[[int], tuple[int, bytes]] = lambda _count: (200, b"success")
        self.arrived = threading.Condition()
        self.url = ""

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        charset = "gbk" if b"charset=GBK" in body else "utf-8"
        with self.arrived:
            count = len(self.received)
            self.received.append(dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, encoding=charset)))
            self.headers.append(headers)
            self.bodies.append(body)
            self.arrived.notify_all()
        return self.reply(count)

    def wait(self, count: int, seconds: float = 60) -> list[dict[str, str]]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, seconds), self.received
            return list(self.received)


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, text = listener.take(dict(self.headers), body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.url = f"http://127.0.0.1:{server.server_address[1]}/notify"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()


def is_signed(params: dict[str, str], keys: Keys, charset: str = "utf-8") -> bool:
    """Alipay's V1 rule, checked without any client: everything but sign and sign_type, sorted."""
    text = "&".join(f"{name}={params[name]}" for name in sorted(params) if name not in ("sign", "sign_type"))
    return verifies(text.encode(charset), params["sign"], keys)


def verifies(text: bytes, signature: str, keys: Keys) -> bool:
    key = serialization.load_pem_public_key(keys.alipay_public_key_file.read_bytes())
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        key.verify(base64.b64decode(signature), text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def refusal(error: BaseException) -> dict[str, Any]:
    """What the client's exception carries: the raw answer."""
    answer: dict[str, Any] = json.loads(str(error).split("message:", 1)[1])
    (body,) = (value for name, value in answer.items() if name not in ("sign", "alipay_cert_sn"))
    return dict(body)
