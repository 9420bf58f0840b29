"""Key and certificate files are taken as people have them, and what cannot be used is named with its cure."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from checkout import settings
from checkout.alipay import keys, pem
from checkout.errors import SettingsError
from sandbox.alipay.keys import Keys
from tests.shared.client import serving
from tests.shared.processes import process

KEY = rsa.generate_private_key(65537, 2048)
ELLIPTIC = ec.generate_private_key(ec.SECP256R1())
PKCS8 = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PKCS1 = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PUBLIC1 = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
# What GmSSL writes for a key on the curve of SM2; cryptography cannot make one.
SM2 = bytes.fromhex(
    "308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420" + "11" * 32 + "a14403420004" + "22" * 64
)


def bare(armoured: bytes) -> bytes:
    return b"".join(armoured.splitlines()[1:-1])


def armour(label: str, body: bytes) -> bytes:
    lines = base64.encodebytes(body)
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label.encode(), lines, label.encode())


def a_certificate(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = KEY) -> bytes:
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")]), datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


WAYS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda text: text,
    "with a BOM": lambda text: b"\xef\xbb\xbf" + text,
    "CRLF": lambda text: text.replace(b"\n", b"\r\n"),
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "UTF-16 without a BOM": lambda text: text.decode().encode("utf-16-le"),
    "with blanks around": lambda text: b"\n\n  " + text + b"  \n",
    "with words before it": lambda text: b"Bag Attributes\n  friendlyName: app\n" + text,
}
BARE: dict[str, Callable[[bytes], bytes]] = {
    "one line": lambda text: text,
    "many lines": lambda text: b"\n".join(text[at : at + 64] for at in range(0, len(text), 64)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", [PKCS8, PKCS1], ids=["PKCS8", "PKCS1"])
def test_a_private_key_is_read(tmp_path: Path, way: str, text: bytes) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(WAYS[way](text))
    assert pem.private_key("X", file).private_numbers() == KEY.private_numbers()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", [PUBLIC, PUBLIC1], ids=["X.509", "PKCS1"])
def test_a_public_key_is_read(tmp_path: Path, way: str, text: bytes) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(WAYS[way](text))
    assert pem.public_key("X", file) == KEY.public_key()


@pytest.mark.parametrize("lines", BARE)
@pytest.mark.parametrize("text", [PKCS8, PKCS1, PUBLIC, PUBLIC1], ids=["PKCS8", "PKCS1", "X.509", "public PKCS1"])
def test_the_bare_text_of_alipays_key_tool_is_read(tmp_path: Path, lines: str, text: bytes) -> None:
    file = tmp_path / "key.txt"
    file.write_bytes(BARE[lines](bare(text)))
    read = pem.public_key if b"PUBLIC" in text else pem.private_key
    assert read("X", file).key_size == 2048


@pytest.mark.parametrize(
    ("label", "text"),
    [("RSA PRIVATE KEY", PKCS8), ("PRIVATE KEY", PKCS1), ("PUBLIC KEY", PUBLIC1), ("RSA PUBLIC KEY", PUBLIC)],
)
def test_the_wrong_header_over_the_right_body_does_no_harm(tmp_path: Path, label: str, text: bytes) -> None:
    file = tmp_path / "key.pem"
    file.write_bytes(armour(label, base64.b64decode(bare(text))))
    read = pem.public_key if "PUBLIC" in label else pem.private_key
    assert read("X", file).key_size == 2048


@pytest.mark.parametrize("way", WAYS)
def test_a_certificate_and_a_bundle_are_read(tmp_path: Path, way: str) -> None:
    file = tmp_path / "one.crt"
    file.write_bytes(WAYS[way](a_certificate()))
    assert pem.certificate("X", file).public_key() == KEY.public_key()
    assert len(pem.certificates(WAYS[way](a_certificate() + b"\n" + a_certificate()))) == 2


def encrypted(form: PrivateFormat) -> bytes:
    return KEY.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"hush"))


UNUSABLE = {
    "an SM2 key": (SM2, "is an SM2 key"),
    "an armoured SM2 key": (armour("PRIVATE KEY", SM2), "is an SM2 key"),
    "an elliptic key": (ELLIPTIC.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "elliptic key"),
    "Ed25519": (
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "needs an RSA key",
    ),
    "a password": (encrypted(PrivateFormat.PKCS8), "protected by a password"),
    "an old password": (encrypted(PrivateFormat.TraditionalOpenSSL), "protected by a password"),
    "OpenSSH": (KEY.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), "ssh-keygen -p -m PEM"),
    "a certificate": (a_certificate(), "is a certificate where a key belongs"),
    "a public key": (PUBLIC, "is a public key where a private one belongs"),
    "nothing": (b" \n", "is empty"),
    "a web page": (b"<html>sign in</html>", "is neither PEM nor"),
    "cut short": (bare(PKCS8)[:400], "is neither PEM nor"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_an_unusable_private_key_is_named_with_its_cure(tmp_path: Path, what: str) -> None:
    content, cure = UNUSABLE[what]
    file = tmp_path / "app.pem"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        pem.private_key("ALIPAY_PRIVATE_KEY_FILE", file)
    told = str(raised.value)
    assert told.startswith("CHECKOUT_ALIPAY_PRIVATE_KEY_FILE is wrong: app.pem ")
    assert cure in told


@pytest.mark.parametrize(
    ("content", "cure"),
    [(PKCS8, "is a private key"), (a_certificate(), "is a certificate"), (b"noise", "is neither PEM")],
)
def test_an_unusable_public_key_is_named_with_its_cure(tmp_path: Path, content: bytes, cure: str) -> None:
    file = tmp_path / "alipay.pem"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=cure):
        pem.public_key("ALIPAY_PUBLIC_KEY_FILE", file)


def certified(environment: dict[str, str], sides: Keys, **files: Path) -> settings.Settings:
    named = {"APP_CERT": sides.app_cert_file, "CERT": sides.alipay_cert_file, "ROOT_CERT": sides.alipay_root_cert_file}
    return settings.parse(
        environment | {f"CHECKOUT_ALIPAY_{name}_FILE": str(file) for name, file in {**named, **files}.items()}
    )


def test_a_root_that_cannot_be_read_is_left_out(
    environment: dict[str, str], alipay_sides: Keys, tmp_path: Path
) -> None:
    """Alipay's own bundle has one: its elliptic root gives its algorithm parameters, which RFC 5758 forbids."""
    bundle = alipay_sides.alipay_root_cert_file.read_bytes()
    assert (bundle.count(b"BEGIN CERTIFICATE"), len(pem.certificates(bundle))) == (3, 2)
    own = keys.load(certified(environment, alipay_sides))
    assert (len(own.roots), (own.root_cert_sn or "").count("_")) == (2, 1)
    elliptic = tmp_path / "roots.crt"
    elliptic.write_bytes(a_certificate(ELLIPTIC) + bundle)
    assert keys.load(certified(environment, alipay_sides, ROOT_CERT=elliptic)).root_cert_sn == own.root_cert_sn


@pytest.mark.parametrize(
    ("setting", "content", "cure"),
    [
        ("APP_CERT", PUBLIC, "is a key where a certificate belongs"),
        ("APP_CERT", a_certificate(), "does not belong to the app's private key"),
        ("CERT", b"noise", "is neither PEM nor"),
        ("CERT", a_certificate(ELLIPTIC), "holds no RSA key"),
        ("ROOT_CERT", a_certificate(ELLIPTIC), "holds no RSA root certificate"),
    ],
)
def test_an_unusable_certificate_is_named_with_its_cure(
    environment: dict[str, str], alipay_sides: Keys, tmp_path: Path, setting: str, content: bytes, cure: str
) -> None:
    file = tmp_path / "wrong.crt"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"CHECKOUT_ALIPAY_{setting}_FILE is wrong.*{cure}"):
        keys.load(certified(environment, alipay_sides, **{setting: file}))


def test_the_apps_own_certificate_is_not_alipays(environment: dict[str, str], alipay_sides: Keys) -> None:
    with pytest.raises(SettingsError, match="it is the app's own certificate"):
        keys.load(certified(environment, alipay_sides, CERT=alipay_sides.app_cert_file))


@pytest.mark.parametrize(
    "command", [("api", "--port=1"), ("celery", "-A", "tasks.app", "worker"), ("celery", "-A", "tasks.app", "beat")]
)
def test_nothing_starts_with_a_key_that_cannot_be_used(
    environment: dict[str, str], tmp_path: Path, command: tuple[str, ...]
) -> None:
    file, log = tmp_path / "app.pem", tmp_path / "log"
    file.write_bytes(encrypted(PrivateFormat.PKCS8))
    wrong = environment | {"CHECKOUT_ALIPAY_PRIVATE_KEY_FILE": str(file)}
    with process(*command, environment=wrong, log=log) as started:
        assert started.wait(60) != 0
    assert "app.pem is protected by a password: take that off" in log.read_text(encoding="utf-8")


@pytest.mark.usefixtures("in_process")
def test_a_key_that_was_spoilt_later_is_nobodys_to_read_about(environment: dict[str, str], tmp_path: Path) -> None:
    """Whoever sends a notify is anonymous: neither a file's name nor a parser's words are for him."""
    file = tmp_path / "app.pem"
    file.write_bytes(b"spoilt")
    with serving(settings.parse(environment | {"CHECKOUT_ALIPAY_PRIVATE_KEY_FILE": str(file)})) as client:
        answer = client.post("/v1/alipay/notify", body=b"out_trade_no=1&sign=x", user=None)
        came_back = client.get("/v1/alipay/return", params={"out_trade_no": "1", "sign": "x"}, user=None)
    assert answer.text == "failure"
    assert came_back.status_code == 500
    assert "app.pem" not in came_back.text
