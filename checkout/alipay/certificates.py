"""What Alipay signs with, and how certificate mode follows when Alipay changes its certificate.

Every answer names its certificate (`alipay_cert_sn`). One that is not known yet is downloaded from Alipay and believed
only when it chains to a configured root (opendocs.alipay.com, common/02kf5p). What one process has learnt the others
find in Redis; each of them checks it for itself.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID
from redis import Redis, RedisError
from structlog import get_logger

from checkout.alipay import keys, pem
from checkout.alipay.keys import Keys
from checkout.errors import CheckoutError

log = get_logger(__name__)

CERTIFICATES = "checkout_alipay_certificates"
REFRESH_SECONDS = 1.0
LONGEST_CHAIN = 4
WARN_DAYS = 30
RENEW = "get a new one from Alipay's console, see docs/runbook.md#a-certificate-ends"
# Alipay's own certificates name its account after the company, which may change its name.
_PID = re.compile(r"-(2088[0-9]{12})$")


class Untrusted(CheckoutError):
    """The certificate is not one of Alipay's, as far as the configured root can tell."""

    code = "alipay_certificate"


class Known(NamedTuple):
    """A certificate that is believed, and the PEM text that proved it."""

    key: RSAPublicKey
    content: bytes
    until: datetime


class Trust:
    """The keys whose signatures count as Alipay's. Safe to share by threads.

    `is_sandbox`: of Alipay's sandbox, whose intermediate authority does not say that it is one, and is over itself.
    """

    def __init__(self, own: Keys, redis: Redis, *, is_sandbox: bool = False) -> None:
        self._keys, self._redis, self._is_sandbox = own, redis, is_sandbox
        self._learnt: dict[str, Known] = {}
        self._lock = threading.Lock()
        self._refreshed_at = 0.0

    def verifies(self, content: bytes, signature: str, named: str | None = None) -> bool:
        """Whether Alipay signed the content, with the certificate that it names; notifies name none: any known one."""
        if self._keys.alipay_cert is None or named == self._keys.alipay_cert_sn:
            return self._keys.verifies(content, signature)
        if named is None and self._keys.verifies(content, signature):
            return True
        known = [one for serial, one in list(self._learnt.items()) if named in (None, serial)]
        now = datetime.now(UTC)
        return any(now <= one.until and keys.verifies(one.key, content, signature) for one in known)

    def knows(self, serial: str) -> bool:
        """Whether a signature by that certificate can be checked. Key mode has no certificates to miss."""
        return self._keys.alipay_cert is None or serial == self._keys.alipay_cert_sn or serial in self._learnt

    def admit(self, serial: str, content: bytes) -> None:
        """Believes the certificate of that serial number from now on. Raises Untrusted."""
        known = self._prove(serial, content)
        with self._lock:
            is_news = serial not in self._learnt
            self._learnt = {**self._learnt, serial: known}
        if is_news:
            log.warning("alipay_certificate_changed", serial=serial, cure="install it as CHECKOUT_ALIPAY_CERT_FILE")

    def share(self, serial: str) -> None:
        """Leaves what was learnt where the other processes look, again and again: Redis may forget it."""
        if known := self._learnt.get(serial):
            try:
                self._redis.hsetnx(CERTIFICATES, serial, known.content.decode())
            except RedisError as error:
                log.warning("certificate_not_shared", error=type(error).__name__)

    def refresh(self) -> bool:
        """Takes over what other processes have learnt; whether there was any. At most once a second it really looks."""
        with self._lock:
            if self._keys.alipay_cert is None or time.monotonic() < self._refreshed_at + REFRESH_SECONDS:
                return False
            self._refreshed_at = time.monotonic()
        try:
            found = cast("dict[bytes, bytes]", self._redis.hgetall(CERTIFICATES))
        except RedisError as error:
            log.warning("certificates_not_read", error=type(error).__name__)
            return False
        before = len(self._learnt)
        for serial, content in found.items():
            self._take_over(serial.decode(), content)
        return len(self._learnt) > before

    def _take_over(self, serial: str, content: bytes) -> None:
        try:
            if not self.knows(serial):
                self.admit(serial, content)
        except Untrusted as error:
            log.warning("shared_certificate_refused", serial=serial, why=str(error))

    def _prove(self, serial: str, content: bytes) -> Known:
        told = pem.certificates(content)
        found = next((certificate for certificate in told if keys.serial(certificate) == serial), None)
        if found is None:
            raise Untrusted("what was downloaded is no such certificate")
        if not self._is_alipays(found):
            raise Untrusted("the certificate is not issued to Alipay")
        if not _is_in_time(found) or not self._chains(found, told, LONGEST_CHAIN):
            raise Untrusted("the certificate does not chain to the configured root, or its time is over")
        key = found.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Untrusted("the certificate holds no RSA key")
        return Known(key, content, found.not_valid_after_utc)

    def _is_alipays(self, found: x509.Certificate) -> bool:
        """The certificates of merchants chain to the same root, so the name decides; ours is never Alipay's."""
        own, alipays = self._keys.app_cert, self._keys.alipay_cert
        if own is None or alipays is None or found.subject == own.subject or found.public_key() == own.public_key():
            return False
        account = _pid(alipays)
        return _pid(found) == account if account else found.subject == alipays.subject

    def _chains(self, certificate: x509.Certificate, told: Sequence[x509.Certificate], left: int) -> bool:
        if any(_issued(certificate, root) for root in self._keys.roots):
            return True
        above = [one for one in told if self._may_issue(one) and _issued(certificate, one)] if left else []
        return any(self._chains(one, told, left - 1) for one in above)

    def _may_issue(self, one: x509.Certificate) -> bool:
        try:
            return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca and _is_in_time(one)
        except x509.ExtensionNotFound:
            return self._is_sandbox
        except ValueError:
            return False


def days_left(own: Keys) -> dict[str, int]:
    """The days that each configured certificate still holds; negative when its time is over. Empty in key mode."""
    named = {"app": own.app_cert, "alipay": own.alipay_cert}
    now = datetime.now(UTC)
    return {name: (one.not_valid_after_utc - now).days for name, one in named.items() if one}


def warn(own: Keys) -> None:
    """Says in the log which configured certificates are over, or will be within `WARN_DAYS`."""
    for name, days in days_left(own).items():
        if days < 0:
            log.error("alipay_certificate_ended", certificate=name, days_ago=-days, cure=RENEW)
        elif days < WARN_DAYS:
            log.warning("alipay_certificate_ends", certificate=name, days_left=days, cure=RENEW)


def _pid(certificate: x509.Certificate) -> str | None:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    found = _PID.search(str(names[-1].value)) if names else None
    return found[1] if found else None


def _is_in_time(one: x509.Certificate) -> bool:
    return one.not_valid_before_utc <= datetime.now(UTC) <= one.not_valid_after_utc


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
