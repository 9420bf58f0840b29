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
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.x509.oid import NameOID

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
    private = _private(settings.alipay_private_key_file)
    try:
        if settings.alipay_app_cert_file and settings.alipay_cert_file and settings.alipay_root_cert_file:
            return _certified(
                private, settings.alipay_app_cert_file, settings.alipay_cert_file, settings.alipay_root_cert_file
            )
        return _plain(private, settings.alipay_public_key_file)
    except ValueError as error:
        raise SettingsError(f"Alipay's key or certificate files are wrong: {error}") from error


def _certified(private: RSAPrivateKey, app_cert: Path, cert: Path, roots: Path) -> Keys:
    app = x509.load_pem_x509_certificate(app_cert.read_bytes())
    if app.public_key() != private.public_key():
        raise SettingsError("CHECKOUT_ALIPAY_APP_CERT_FILE is wrong: it does not belong to the app's private key")
    alipay, bundle = x509.load_pem_x509_certificate(cert.read_bytes()), certificates(roots.read_bytes())
    public = _rsa(alipay.public_key(), cert)
    return Keys(private, public, serial(app), root_serial(bundle), alipay, serial(alipay), tuple(bundle))


def _plain(private: RSAPrivateKey, file: Path | None) -> Keys:
    if file is None:
        raise SettingsError("CHECKOUT_ALIPAY_PUBLIC_KEY_FILE is missing: name Alipay's public key")
    public = serialization.load_pem_public_key(_pem(file, "PUBLIC KEY"))
    if public == private.public_key():
        raise SettingsError(
            "CHECKOUT_ALIPAY_PUBLIC_KEY_FILE is wrong: it is the app's own public key; take Alipay's from the console"
        )
    return Keys(private, _rsa(public, file))


def _private(file: Path) -> RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(_pem(file, "PRIVATE KEY"), password=None)
    except ValueError as error:
        raise SettingsError(
            f"CHECKOUT_ALIPAY_PRIVATE_KEY_FILE is wrong: {file.name} holds no PEM private key"
        ) from error
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError("CHECKOUT_ALIPAY_PRIVATE_KEY_FILE is wrong: an RSA key is needed")
    return key


def _rsa(key: object, file: Path) -> RSAPublicKey:
    if not isinstance(key, RSAPublicKey):
        raise SettingsError(f"{file.name} is wrong: an RSA key is needed")
    return key


def _pem(file: Path, label: str) -> bytes:
    """Alipay's key tool writes the bare Base64 line; give it the armour that PEM wants."""
    content = file.read_bytes().strip()
    if content.startswith(b"-----"):
        return content
    return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (label.encode(), content, label.encode())


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


def certificates(bundle: bytes) -> list[x509.Certificate]:
    """All certificates of a PEM file, whatever stands between them."""
    begin = b"-----BEGIN CERTIFICATE-----"
    return [x509.load_pem_x509_certificate(begin + part) for part in bundle.split(begin)[1:]]


def root_serial(bundle: Sequence[x509.Certificate]) -> str:
    """`alipay_root_cert_sn`: the serials of all RSA-signed roots of the bundle, joined by underscores."""
    rsa = [c for c in bundle if c.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)]
    if not rsa:
        raise SettingsError("CHECKOUT_ALIPAY_ROOT_CERT_FILE is wrong: it holds no RSA root certificate")
    return "_".join(map(serial, rsa))
