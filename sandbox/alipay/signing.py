"""Alipay's signatures: SHA256withRSA over sorted `key=value` pairs, or over the raw text of an answer."""

import base64
import binascii
from collections.abc import Collection, Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from sandbox.alipay import keys as key_files
from sandbox.alipay.keys import Keys

_SCHEME, _HASH = padding.PKCS1v15(), hashes.SHA256()
REQUEST_RULE = ("sign",)
NOTIFY_RULE = ("sign", "sign_type")  # V1: the sign type is not part of what a notify or a return signs.


def text_to_sign(params: Mapping[str, str], without: Collection[str]) -> str:
    """Sorted `key=value` pairs joined by `&`, values as they are, empty ones left out (common/057k53)."""
    return "&".join(f"{key}={params[key]}" for key in sorted(params) if params[key] and key not in without)


class Signer:
    """Checks the merchant's signatures and makes Alipay's; in certificate mode with the newest certificate."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.app_id, self.seller_id = keys.app_id, keys.seller_id
        self._app_key = key_files.load_public(keys.app_public_key_file)
        self._platform_key = key_files.load_private(keys.alipay_private_key_file)
        app_cert = x509.load_pem_x509_certificate(keys.app_cert_file.read_bytes())
        self.app_cert_sn = key_files.serial_number(app_cert)
        self.root_cert_sn = key_files.root_serial_number(keys.alipay_root_cert_file.read_bytes())
        self._read_certificates()

    def _read_certificates(self) -> None:
        self._certificates = key_files.alipay_certificates(self.keys)
        self.cert_sn = list(self._certificates)[-1]
        self._certified_key = key_files.load_private(self._certificates[self.cert_sn][1])

    def rotate(self) -> str:
        key_files.rotate(self.keys)
        self._read_certificates()
        return self.cert_sn

    def certificate(self, serial_number: str) -> bytes | None:
        found = self._certificates.get(serial_number)
        return found[0].read_bytes() if found else None

    def verify(self, text: bytes, signature: str) -> bool:
        try:
            self._app_key.verify(base64.b64decode(signature), text, _SCHEME, _HASH)
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True

    def sign(self, text: bytes, certified: bool = False) -> str:
        key = self._certified_key if certified else self._platform_key
        return base64.b64encode(key.sign(text, _SCHEME, _HASH)).decode()

    def sign_params(self, params: Mapping[str, str], charset: str, certified: bool = False) -> str:
        """The signature of a notify or of the return parameters."""
        return self.sign(text_to_sign(params, NOTIFY_RULE).encode(charset, "replace"), certified)
