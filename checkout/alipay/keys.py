"""RSA keys and certificates of both sides (opendocs.alipay.com, common/02kf5p and common/057k53)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.x509.oid import NameOID

from checkout.alipay import pem
from checkout.errors import SettingsError
from checkout.settings import Settings

_RSA_SIGNATURES = "1.2.840.113549.1.1."
_PADDING = PKCS1v15()
_SHA256 = hashes.SHA256()


@dataclass(frozen=True)
class Keys:
    """What signs our requests and verifies theirs. Certificates and serial numbers are set in certificate mode only."""

    private: RSAPrivateKey
    alipay_public: RSAPublicKey
    app_cert_sn: str | None = None
    root_cert_sn: str | None = None
    app_cert: x509.Certificate | None = None
    alipay_cert: x509.Certificate | None = None
    alipay_cert_sn: str | None = None
    roots: tuple[x509.Certificate, ...] = ()

    def sign(self, content: str) -> str:
        """RSA2, which is SHA256withRSA and PKCS#1 v1.5, in Base64."""
        return base64.b64encode(self.private.sign(content.encode(), _PADDING, _SHA256)).decode()

    def verifies(self, content: bytes, signature: str) -> bool:
        """Whether the content was signed with the key that is configured as Alipay's."""
        return verifies(self.alipay_public, content, signature)


def verifies(key: RSAPublicKey, content: bytes, signature: str) -> bool:
    """Whether the key's owner signed the content. Noise instead of Base64 is simply not a signature."""
    try:
        key.verify(base64.b64decode(signature, validate=True), content, _PADDING, _SHA256)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def load(settings: Settings) -> Keys:
    """The keys that the settings name. Raises SettingsError."""
    private = pem.private_key("ALIPAY_PRIVATE_KEY_FILE", settings.alipay_private_key_file)
    if settings.alipay_app_cert_file and settings.alipay_cert_file and settings.alipay_root_cert_file:
        return _certified(
            private, settings.alipay_app_cert_file, settings.alipay_cert_file, settings.alipay_root_cert_file
        )
    return _plain(private, settings.alipay_public_key_file)


def _certified(private: RSAPrivateKey, app_file: Path, file: Path, root_file: Path) -> Keys:
    app = pem.certificate("ALIPAY_APP_CERT_FILE", app_file)
    if app.public_key() != private.public_key():
        raise SettingsError("CHECKOUT_ALIPAY_APP_CERT_FILE is wrong: it does not belong to the app's private key")
    alipay, roots = pem.certificate("ALIPAY_CERT_FILE", file), signed_with_rsa(pem.certificates(root_file.read_bytes()))
    public = alipay.public_key()
    if public == private.public_key():
        raise SettingsError("CHECKOUT_ALIPAY_CERT_FILE is wrong: it is the app's own certificate; take Alipay's")
    if not isinstance(public, RSAPublicKey):
        raise SettingsError(f"CHECKOUT_ALIPAY_CERT_FILE is wrong: {file.name} holds no RSA key")
    if not roots:
        raise SettingsError("CHECKOUT_ALIPAY_ROOT_CERT_FILE is wrong: it holds no RSA root certificate")
    return Keys(private, public, serial(app), "_".join(map(serial, roots)), app, alipay, serial(alipay), tuple(roots))


def _plain(private: RSAPrivateKey, file: Path | None) -> Keys:
    if file is None:
        raise SettingsError("CHECKOUT_ALIPAY_PUBLIC_KEY_FILE is missing: name Alipay's public key")
    public = pem.public_key("ALIPAY_PUBLIC_KEY_FILE", file)
    if public == private.public_key():
        raise SettingsError(
            "CHECKOUT_ALIPAY_PUBLIC_KEY_FILE is wrong: it is the app's own public key; take Alipay's from the console"
        )
    return Keys(private, public)


def serial(certificate: x509.Certificate) -> str:
    """`app_cert_sn`: md5 over issuer and serial number, as Alipay defines it."""
    names = {attribute.oid: str(attribute.value) for attribute in certificate.issuer}
    oids = (
        ("CN", NameOID.COMMON_NAME),
        ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME),
        ("O", NameOID.ORGANIZATION_NAME),
        ("C", NameOID.COUNTRY_NAME),
    )
    issuer = ",".join(f"{name}={names.get(oid)}" for name, oid in oids)
    return md5(f"{issuer}{certificate.serial_number}".encode(), usedforsecurity=False).hexdigest()


def signed_with_rsa(bundle: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The roots that count for `alipay_root_cert_sn`, which is their serials joined by underscores."""
    return [one for one in bundle if one.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)]
