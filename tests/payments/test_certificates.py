"""Certificate mode: every way to pay, and Alipay changing its certificate while we work."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.x509.oid import NameOID
from redis import Redis

from checkout.alipay import certificates, notify
from checkout.alipay import keys as our_keys
from checkout.alipay.certificates import Trust, Untrusted
from checkout.alipay.client import Alipay, Done, Refused
from checkout.orders.ledger import Payment
from checkout.settings import Settings
from checkout.settings.addresses import is_sandbox
from sandbox.alipay.keys import Keys, load_private
from tests.gateway.merchant import Listener, listening
from tests.gateway.process import LocalAlipay
from tests.payments.shop import TIME_SCALE

Signing = tuple[x509.Certificate, rsa.RSAPrivateKey]


@pytest.fixture(scope="module")
def certified_alipay(alipay_sides: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAlipay]:
    """A gateway that takes certificate mode only, and whose certificate this module may change."""
    data_dir = tmp_path_factory.mktemp("certified")
    shutil.copytree(alipay_sides.directory, data_dir, dirs_exist_ok=True)
    running = LocalAlipay(data_dir, TIME_SCALE)
    running.switch(mode="certificate")
    yield running
    running.kill()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as one:
        yield one


@pytest.fixture
def certified(settings: Settings, certified_alipay: LocalAlipay, listener: Listener) -> Settings:
    keys = certified_alipay.keys
    return replace(
        settings,
        alipay_gateway_url=certified_alipay.gateway_url,
        alipay_public_key_file=None,
        alipay_app_cert_file=keys.app_cert_file,
        alipay_cert_file=keys.alipay_cert_file,
        alipay_root_cert_file=keys.alipay_root_cert_file,
        public_url=listener.url.removesuffix("/notify"),
    )


@pytest.fixture
def alipay(certified: Settings, redis: Redis) -> Alipay:
    """One process of the shop."""
    return Alipay(certified, redis)


@pytest.fixture
def neighbour(certified: Settings, redis: Redis) -> Alipay:
    """Another one."""
    return Alipay(certified, redis)


def an_attempt(n: int, method: str) -> Payment:
    now = datetime.now(UTC)
    return Payment(1, n, f"{now:%H%M%S%f}N{n}", 2000, method=method, offered_at=now)


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def offer(alipay: Alipay, payment: Payment) -> dict[str, str]:
    if payment.method == "qr":
        made = alipay.precreate(payment, in_an_hour())
        assert isinstance(made, Done)
        return {"qr_code": made.fields["qr_code"]}
    if payment.method == "app":
        return {"order_string": alipay.order_string(payment, in_an_hour())}
    return {"pay_url": alipay.pay_url(payment, in_an_hour())}


@pytest.mark.parametrize("method", ["page", "wap", "app", "qr"])
def test_every_method_is_paid_and_found(alipay: Alipay, certified_alipay: LocalAlipay, method: str) -> None:
    payment = an_attempt(1, method)
    certified_alipay.pay(**offer(alipay, payment))
    answer = alipay.query(payment.out_trade_no)
    assert isinstance(answer, Done)
    assert answer.fields["trade_status"] == "TRADE_SUCCESS"


def test_a_new_certificate_is_followed_at_once(alipay: Alipay, certified_alipay: LocalAlipay) -> None:
    assert isinstance(alipay.query("nobody"), Refused)
    for _ in range(2):
        certified_alipay.admin("POST", "rotate-certificate", {})
        for _ in range(2):
            assert isinstance(alipay.query("nobody"), Refused)  # Verified, or it would be unknown.


def test_a_notify_signed_with_it_holds_in_every_process(
    alipay: Alipay, neighbour: Alipay, certified_alipay: LocalAlipay, listener: Listener
) -> None:
    certified_alipay.admin("POST", "rotate-certificate", {})
    payment = an_attempt(2, "page")
    certified_alipay.pay(**offer(alipay, payment))
    params = notify.parameters((listener.wait(1), listener.bodies[0])[1])
    assert not notify.signed_by_alipay(neighbour, params)
    assert not neighbour.trust.refresh()
    alipay.query(payment.out_trade_no)
    neighbour.trust._refreshed_at = 0.0
    assert neighbour.trust.refresh()
    assert notify.verify(neighbour, params).trade.out_trade_no == payment.out_trade_no


def test_what_redis_forgot_is_left_there_again(
    alipay: Alipay, neighbour: Alipay, certified_alipay: LocalAlipay, redis: Redis
) -> None:
    certified_alipay.admin("POST", "rotate-certificate", {})
    alipay.query("nobody")
    redis.delete(certificates.CERTIFICATES)
    alipay.query("nobody")
    assert neighbour.trust.refresh()


def test_a_rotation_does_not_touch_key_mode(certified_alipay: LocalAlipay, settings: Settings, redis: Redis) -> None:
    certified_alipay.admin("POST", "rotate-certificate", {})
    certified_alipay.switch(mode="either")
    plain = Alipay(replace(settings, alipay_gateway_url=certified_alipay.gateway_url), redis)
    assert isinstance(plain.query("nobody"), Refused)
    certified_alipay.switch(mode="certificate")


def issue(
    subject: x509.Name,
    issuer: Signing,
    *,
    is_authority: bool | None = False,
    days: int = 30,
    key: rsa.RSAPrivateKey | None = None,
) -> Signing:
    """A certificate that nobody at Alipay has made; `is_authority` None: it does not say."""
    key, now = key or rsa.generate_private_key(65537, 2048), datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer[0].subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=60)).not_valid_after(now + timedelta(days=days))
    if is_authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    return builder.sign(issuer[1], hashes.SHA256()), key


def pem(*signed: x509.Certificate) -> bytes:
    return b"\n".join(one.public_bytes(serialization.Encoding.PEM) for one in signed)


@pytest.fixture
def root(alipay: Alipay, certified_alipay: LocalAlipay) -> Signing:
    """The authority that issues Alipay's certificates."""
    return alipay.keys.roots[-1], load_private(certified_alipay.keys.issuer_private_key_file)


def admits(trust: Trust, content: bytes, one: x509.Certificate) -> bool:
    try:
        trust.admit(our_keys.serial(one), content)
    except Untrusted:
        assert not trust.knows(our_keys.serial(one))
        return False
    return True


def test_only_what_chains_to_the_root_and_is_issued_to_alipay_is_believed(alipay: Alipay, root: Signing) -> None:
    assert alipay.keys.alipay_cert
    name, trust = alipay.keys.alipay_cert.subject, alipay.trust
    stranger = issue(root[0].subject, root, is_authority=True)  # Named like the root, and not it.
    own, _ = issue(name, root)
    merchant, merchant_key = issue(x509.Name([]), root)
    foreign, _ = issue(name, (stranger[0], stranger[1]))
    by_merchant, _ = issue(name, (merchant, merchant_key))
    over, _ = issue(name, root, days=-1)
    assert admits(trust, pem(own), own)
    assert not admits(trust, pem(foreign), foreign)
    assert not admits(trust, pem(merchant), merchant)
    assert not admits(trust, pem(by_merchant, merchant), by_merchant)
    assert not admits(trust, pem(over), over)
    assert not admits(trust, pem(own), foreign)
    assert not admits(trust, b"-----BEGIN CERTIFICATE-----\nnoise\n-----END CERTIFICATE-----", foreign)


def name_of(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def test_alipay_may_change_its_companys_name_and_keeps_its_account(alipay: Alipay, root: Signing) -> None:
    renamed, _ = issue(name_of("支付宝支付科技有限公司-2088000000000000"), root)
    another, _ = issue(name_of("支付宝支付科技有限公司-2088000000000001"), root)
    hidden, _ = issue(name_of("2088000000000000-支付宝支付科技有限公司"), root)
    assert admits(alipay.trust, pem(renamed), renamed)
    assert not admits(alipay.trust, pem(another), another)
    assert not admits(alipay.trust, pem(hidden), hidden)


def test_a_merchants_certificate_does_not_speak_for_alipay(
    alipay: Alipay, certified: Settings, redis: Redis, root: Signing
) -> None:
    """Neither our own, by its name or its key, nor another's, who has one of the same authority."""
    app, key = alipay.keys.app_cert, alipay.keys.private
    assert app
    account = "-2088000000000000"
    named, _ = issue(app.subject, root)
    keyed, _ = issue(name_of(f"Alipay{account}"), (root[0], root[1]), key=key)
    other, _ = issue(name_of("2088555555555555-2021000000000001"), root)
    for one in (app, named, keyed, other):
        assert not admits(alipay.trust, pem(one), one)
    # A merchant that is named as Alipay is: only that it is ours speaks against it.
    ours, _ = issue(name_of(f"Shop{account}"), root, key=key)
    keys = replace(alipay.keys, app_cert=ours)
    assert not admits(Trust(keys, redis), pem(ours), ours)
    assert certified.alipay_app_cert_file


def test_one_that_was_learnt_is_not_believed_after_its_end(
    alipay: Alipay, root: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alipay.keys.alipay_cert
    learnt, key = issue(alipay.keys.alipay_cert.subject, root)
    signature = base64.b64encode(key.sign(b"x", PKCS1v15(), hashes.SHA256())).decode()
    serial = our_keys.serial(learnt)
    assert admits(alipay.trust, pem(learnt), learnt)
    assert alipay.trust.verifies(b"x", signature, serial)
    known = alipay.trust._learnt[serial]
    monkeypatch.setitem(alipay.trust._learnt, serial, known._replace(until=datetime.now(UTC) - timedelta(seconds=1)))
    assert not alipay.trust.verifies(b"x", signature, serial)
    assert not alipay.trust.verifies(b"x", signature)


def test_an_authority_that_does_not_say_so_is_the_sandboxs_alone(alipay: Alipay, root: Signing, redis: Redis) -> None:
    """Alipay's sandbox has one, and its time is over."""
    assert alipay.keys.alipay_cert
    between = issue(x509.Name([]), root, is_authority=None, days=-1)
    one, _ = issue(alipay.keys.alipay_cert.subject, between)
    assert not admits(alipay.trust, pem(one, between[0]), one)
    assert admits(Trust(alipay.keys, redis, is_sandbox=True), pem(one, between[0]), one)
    assert is_sandbox("https://openapi-sandbox.dl.alipaydev.com/gateway.do")
    assert not is_sandbox("https://openapi.alipay.com/gateway.do")
    assert not is_sandbox("https://notalipaydev.com/gateway.do")


def test_an_authority_between_root_and_certificate_may_come_along(alipay: Alipay, root: Signing) -> None:
    assert alipay.keys.alipay_cert
    between = issue(x509.Name([]), root, is_authority=True)
    one, _ = issue(alipay.keys.alipay_cert.subject, between)
    assert not admits(alipay.trust, pem(one), one)
    assert admits(alipay.trust, pem(one, between[0]), one)


def test_what_stands_in_redis_is_believed_no_sooner_than_what_alipay_sends(alipay: Alipay, redis: Redis) -> None:
    assert alipay.keys.alipay_cert
    name = alipay.keys.alipay_cert.subject
    key = rsa.generate_private_key(65537, 2048)
    forged, _ = issue(name, (alipay.keys.roots[-1], key))
    redis.hset(certificates.CERTIFICATES, our_keys.serial(forged), pem(forged))
    redis.hset(certificates.CERTIFICATES, "noise", b"noise")
    assert not alipay.trust.refresh()
    assert not alipay.trust.knows(our_keys.serial(forged))
