"""Key and certificate files as people have them: whatever the header says, the body decides what it is."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from checkout.errors import SettingsError

_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END [A-Z0-9 ]+-----", re.DOTALL)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_OPENSSH = b"openssh-key-v1\0"
# 1.2.156.10197.1.301, the curve of SM2, as DER writes it.
_SM2 = bytes.fromhex("2a811ccf5501822d")
_CURES = {
    "OPENSSH": "is an OpenSSH key: turn it into PEM with ssh-keygen -p -m PEM",
    "ENCRYPTED": "is protected by a password: take that off with openssl pkey",
    "SM2": "is an SM2 key: Alipay's RSA2 needs an RSA key, so make one of the type RSA2 in Alipay's key tool",
    "EC": "is an elliptic key: Alipay's RSA2 needs an RSA key, so make one of the type RSA2 in Alipay's key tool",
    "EMPTY": "is empty",
    "CERTIFICATE": "is a certificate where a key belongs: name it in the settings of certificate mode",
    "PRIVATE": "is a private key where a public one belongs",
    "PUBLIC": "is a public key where a private one belongs",
    "KEY": "is a key where a certificate belongs",
    "NOISE": "is neither PEM nor the Base64 text of Alipay's key tool",
}


def private_key(setting: str, file: Path) -> RSAPrivateKey:
    """The RSA key of a file, as PKCS#1 or PKCS#8. Raises SettingsError with what the file is instead, and the cure."""
    body = _opened(setting, file)
    try:
        key = serialization.load_der_private_key(body, None)
    except TypeError as error:  # As cryptography says it of a key that wants a password.
        raise _fault(setting, file, "ENCRYPTED") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _fault(setting, file, _kind(body)) from error
    if not isinstance(key, RSAPrivateKey):
        raise _fault(setting, file, "SM2" if _SM2 in body else "EC")
    return key


def public_key(setting: str, file: Path) -> RSAPublicKey:
    """The RSA key of a file, as X.509 or PKCS#1. Raises SettingsError as `private_key` does."""
    body = _opened(setting, file)
    try:
        key = serialization.load_der_public_key(body)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _fault(setting, file, _kind(body)) from error
    if not isinstance(key, RSAPublicKey):
        raise _fault(setting, file, "SM2" if _SM2 in body else "EC")
    return key


def certificate(setting: str, file: Path) -> x509.Certificate:
    """The first certificate of a file. Raises SettingsError as `private_key` does."""
    body = _opened(setting, file)
    try:
        return x509.load_der_x509_certificate(body)
    except (ValueError, UnsupportedAlgorithm) as error:
        kind = _kind(body)
        raise _fault(setting, file, "KEY" if kind in ("PRIVATE", "PUBLIC") else kind) from error


def certificates(content: bytes) -> list[x509.Certificate]:
    """All certificates of a text that can be read, whatever stands between them; some of Alipay's roots cannot."""
    found = []
    for label, body in _BEGIN.findall(_text(content)):
        try:
            found += [x509.load_der_x509_certificate(_decoded(body))] if label == "CERTIFICATE" else []
        except (ValueError, UnsupportedAlgorithm):
            continue
    return found


def _opened(setting: str, file: Path) -> bytes:
    """The body, without the text around it."""
    content = file.read_bytes().strip()
    if not content:
        raise _fault(setting, file, "EMPTY")
    if content[:1] == b"0" and content[1:2] >= b"\x80":  # DER, a SEQUENCE of many bytes, has no text around it.
        return content
    text = _text(content)
    bodies = (body for label, body in _BEGIN.findall(text) if label != "EC PARAMETERS")
    body = next(bodies, text)
    if "Proc-Type:" in body:
        raise _fault(setting, file, "ENCRYPTED")
    try:
        return _decoded(body)
    except ValueError as error:
        raise _fault(setting, file, "NOISE") from error


def _text(content: bytes) -> str:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return content.removeprefix(bom).decode(encoding, "replace")
    return content.decode("utf-16-le" if content[1:2] == b"\0" else "utf-8", "replace")


def _decoded(body: str) -> bytes:
    compact = "".join(body.split())
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("not Base64") from error


def _kind(body: bytes) -> str:
    """What the bytes are instead of what they should be."""
    if _SM2 in body or body.startswith(_OPENSSH):
        return "SM2" if _SM2 in body else "OPENSSH"
    for kind, load in (
        ("PUBLIC", serialization.load_der_public_key),
        ("CERTIFICATE", x509.load_der_x509_certificate),
        ("PRIVATE", lambda body: serialization.load_der_private_key(body, None)),
    ):
        try:
            load(body)
        except TypeError:
            return "ENCRYPTED"
        except (ValueError, UnsupportedAlgorithm):
            continue
        return kind
    return "NOISE"


def _fault(setting: str, file: Path, kind: str) -> SettingsError:
    return SettingsError(f"CHECKOUT_{setting} is wrong: {file.name} {_CURES[kind]}")
