"""Key pairs, certificates and identity of the pretended merchant and of the pretended Alipay."""

import base64
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_RSA_SIGNATURES = "1.2.840.113549.1.1"
_ISSUER_PARTS = (
    ("CN", NameOID.COMMON_NAME),
    ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("O", NameOID.ORGANIZATION_NAME),
    ("C", NameOID.COUNTRY_NAME),
)
_CERTIFICATE_LIFE = timedelta(days=5 * 365)
# Alipay's certificates end in the number of its own account; the company before it has changed its name already.
_ALIPAY, _ALIPAY_RENAMED = "Local Alipay-2088000000000000", "Local Alipay Technology-2088000000000000"
_ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")
_NULL = b"\x05\x00"


@dataclass(frozen=True)
class Keys:
    """Where the merchant's and Alipay's files are; all of them have mode 0600."""

    directory: Path
    app_id: str
    seller_id: str

    @property
    def app_private_key_file(self) -> Path:
        return self.directory / "app_private_key.pem"

    @property
    def app_pkcs1_key_file(self) -> Path:
        """The same key in the form that the official SDKs for Node and Python read."""
        return self.directory / "app_private_key_pkcs1.pem"

    @property
    def app_public_key_file(self) -> Path:
        return self.directory / "app_public_key.pem"

    @property
    def alipay_private_key_file(self) -> Path:
        return self.directory / "alipay_private_key.pem"

    @property
    def alipay_public_key_file(self) -> Path:
        return self.directory / "alipay_public_key.pem"

    @property
    def app_cert_file(self) -> Path:
        return self.directory / "app_cert.crt"

    @property
    def alipay_cert_file(self) -> Path:
        return self.directory / "alipay_cert.crt"

    @property
    def alipay_root_cert_file(self) -> Path:
        return self.directory / "alipay_root_cert.crt"

    @property
    def issuer_private_key_file(self) -> Path:
        """What Alipay's certificates are issued with, today's and those of a rotation."""
        return self.directory / "issuer_private_key.pem"

    @property
    def certificate_files(self) -> tuple[Path, ...]:
        return self.app_cert_file, self.alipay_cert_file, self.alipay_root_cert_file, self.issuer_private_key_file


def ensure(data_dir: Path) -> Keys:
    """Return the keys of `data_dir`; whatever is missing is created, whatever is there is kept."""
    data_dir.mkdir(parents=True, exist_ok=True)
    identity = _identity(data_dir / "identity.json")
    keys = Keys(data_dir, identity["app_id"], identity["seller_id"])
    _ensure_pair(keys.app_private_key_file, keys.app_public_key_file)
    _ensure_pair(keys.alipay_private_key_file, keys.alipay_public_key_file)
    if not keys.app_pkcs1_key_file.exists():
        form = serialization.PrivateFormat.TraditionalOpenSSL
        _write(keys.app_pkcs1_key_file, _private_pem(load_private(keys.app_private_key_file), form))
    if not all(file.exists() for file in keys.certificate_files):
        _make_certificates(keys)
    return keys


def load_private(file: Path) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{file.name} holds no RSA key")
    return key


def load_public(file: Path) -> rsa.RSAPublicKey:
    key = serialization.load_pem_public_key(file.read_bytes())
    if not isinstance(key, rsa.RSAPublicKey):
        raise TypeError(f"{file.name} holds no RSA key")
    return key


def serial_number(certificate: x509.Certificate) -> str:
    """Alipay's name of a certificate: md5 of its issuer and its decimal serial number (common/02kf5p)."""
    issuer = certificate.issuer
    text = ",".join(f"{label}={issuer.get_attributes_for_oid(oid)[0].value!s}" for label, oid in _ISSUER_PARTS)
    return hashlib.md5(f"{text}{certificate.serial_number}".encode(), usedforsecurity=False).hexdigest()


def root_serial_number(bundle: bytes) -> str:
    """The serial numbers of a bundle's certificates that were signed with RSA, joined by `_`."""
    begin = b"-----BEGIN CERTIFICATE-----"
    readable = (_readable(begin + rest) for rest in bundle.split(begin)[1:])
    return "_".join(
        serial_number(one)
        for one in readable
        if one and one.signature_algorithm_oid.dotted_string.startswith(_RSA_SIGNATURES)
    )


def _readable(pem: bytes) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None


def alipay_certificates(keys: Keys) -> dict[str, tuple[Path, Path]]:
    """Alipay's certificates by serial number, the newest last: certificate file and private key file.

    A merchant who follows a rotation overwrites his `alipay_cert.crt` with one of the rotated ones.
    """
    found: dict[str, tuple[Path, Path]] = {}
    for cert, key in [(keys.alipay_cert_file, keys.alipay_private_key_file), *_rotated(keys)]:
        serial = serial_number(x509.load_pem_x509_certificate(cert.read_bytes()))
        found.pop(serial, None)
        found[serial] = cert, key
    return found


def _rotated(keys: Keys) -> list[tuple[Path, Path]]:
    certs = sorted(keys.directory.glob("alipay_cert_rotated_*.crt"))
    return [(file, file.with_name(file.name.replace("cert", "private_key")).with_suffix(".pem")) for file in certs]


def rotate(keys: Keys) -> str:
    """Give Alipay a new key and certificate, as it does every few years; the merchant's file stays the old one.

    Only certificate mode sees it: the platform key of key mode does not change. Returns the new serial number.
    """
    number = f"{len(_rotated(keys)) + 1:03}"
    private = _new_key()
    _write(keys.directory / f"alipay_private_key_rotated_{number}.pem", _private_pem(private))
    issuer = load_private(keys.issuer_private_key_file)
    certificate = _certificate(_ALIPAY_RENAMED, private.public_key(), "Sandbox Class 2 R1", issuer)
    _write(keys.directory / f"alipay_cert_rotated_{number}.crt", _pem(certificate))
    return serial_number(certificate)


def _identity(file: Path) -> dict[str, str]:
    if not file.exists():
        identity = {"app_id": f"2021{_digits(12)}", "seller_id": f"2088{_digits(12)}"}
        _write(file, json.dumps(identity).encode())
    loaded: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def _digits(count: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(count))


def _ensure_pair(private_file: Path, public_file: Path) -> None:
    if not private_file.exists():
        _write(private_file, _private_pem(_new_key()))
        public_file.unlink(missing_ok=True)
    if not public_file.exists():
        _write(public_file, _public_pem(load_private(private_file).public_key()))


def _make_certificates(keys: Keys) -> None:
    """The real root bundle holds two roots that are signed with RSA, and an elliptic one that few libraries read."""
    first, second, elliptic = _new_key(), _new_key(), ec.generate_private_key(ec.SECP256R1())
    roots = [
        _pem(_certificate("Sandbox Root R1", first.public_key(), "Sandbox Root R1", first)),
        _with_null_parameters(
            _certificate("Sandbox Root E1", elliptic.public_key(), "Sandbox Root E1", elliptic), elliptic
        ),
        _pem(_certificate("Sandbox Class 2 R1", second.public_key(), "Sandbox Root R1", first)),
    ]
    app_key, alipay_key = load_public(keys.app_public_key_file), load_public(keys.alipay_public_key_file)
    own_name = f"{keys.seller_id}-{keys.app_id}"
    _write(keys.app_cert_file, _pem(_certificate(own_name, app_key, "Sandbox Class 2 R1", second)))
    _write(keys.alipay_cert_file, _pem(_certificate(_ALIPAY, alipay_key, "Sandbox Class 2 R1", second)))
    _write(keys.issuer_private_key_file, _private_pem(second))
    # The blank lines are needed: python-alipay-sdk splits the bundle at them.
    _write(keys.alipay_root_cert_file, b"\n".join(roots))


def _with_null_parameters(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The same certificate as Alipay's elliptic root has it: its algorithm has parameters, against RFC 5758, 3.2."""
    plain, algorithm = _der(0x30, _ECDSA_SHA256), _der(0x30, _ECDSA_SHA256 + _NULL)
    content = certificate.tbs_certificate_bytes.replace(plain, algorithm)
    signed = _der(0x30, content[4:])  # Before it stand its tag and the length that it had.
    signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
    body = base64.encodebytes(_der(0x30, signed + algorithm + _der(0x03, b"\0" + signature))).replace(b"\n", b"")
    lines = [body[at : at + 64] for at in range(0, len(body), 64)]
    return b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""])


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def _certificate(
    subject: str,
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    issuer: str,
    issuer_key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(_name(issuer), _name(subject), key, x509.random_serial_number())
    dated = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + _CERTIFICATE_LIFE)
    return dated.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    parts = {
        NameOID.COUNTRY_NAME: "CN",
        NameOID.ORGANIZATION_NAME: "Local Sandbox",
        NameOID.ORGANIZATIONAL_UNIT_NAME: "Certification Authority",
        NameOID.COMMON_NAME: common_name,
    }
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts.items()])


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _private_pem(
    key: rsa.RSAPrivateKey, form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8
) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def _public_pem(key: rsa.RSAPublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(file: Path, content: bytes) -> None:
    """Written beside and renamed, so that a file is either whole or not there; never readable by others."""
    beside = file.with_name(f".{file.name}.new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    beside.rename(file)
