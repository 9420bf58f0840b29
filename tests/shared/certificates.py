"""A shop in certificate mode, whose own certificate ends when a test wants it to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sandbox.alipay.keys import Keys, load_private


def certificate_mode(sides: Keys, directory: Path, days: int) -> dict[str, str]:
    """What is set beside the private key. The own certificate holds for so many days, or ended so many ago."""
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the shop")])
    key = load_private(sides.app_private_key_file)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    builder = builder.not_valid_before(now - timedelta(days=90)).not_valid_after(now + timedelta(days=days, hours=1))
    own = directory / "own.crt"
    own.write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    files = {"APP_CERT": own, "CERT": sides.alipay_cert_file, "ROOT_CERT": sides.alipay_root_cert_file}
    return {f"CHECKOUT_ALIPAY_{name}_FILE": str(file) for name, file in files.items()}
