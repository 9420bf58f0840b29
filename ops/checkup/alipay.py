"""Our key pair, and what Alipay says to a signed question."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from redis import Redis

from checkout.alipay import certificates, keys
from checkout.alipay.client import Alipay, Refused, Unknown
from checkout.alipay.keys import Keys
from checkout.errors import SettingsError
from checkout.settings import Settings
from ops.checkup import Diagnosis

# Redis, which counts the calls, and Alipay are asked one after the other, within the doctor's own limit.
CALL_SECONDS = 3.0
REDIS_SECONDS = 1.0
FEWEST_BITS = 2048
# It looks like one of ours, and no order has had it.
NO_SUCH_TRADE = "20000101000000000000N1R0000000000"

_CURES = {
    "isv.invalid-signature": "upload the public half of CHECKOUT_ALIPAY_PRIVATE_KEY_FILE to Alipay's console",
    "isv.invalid-app-id": "mend CHECKOUT_ALIPAY_APP_ID, or CHECKOUT_ALIPAY_GATEWAY_URL: the sandbox has its own apps",
    "isv.invalid-timestamp": "let NTP set this machine's clock",
    "isv.insufficient-isv-permissions": "sign the contract for this product in Alipay's console",
}


def alipay(told: Settings) -> Iterator[Diagnosis]:
    """Our keys and certificates, and whether Alipay knows us by them."""
    try:
        own = keys.load(told)
    except SettingsError as error:
        yield Diagnosis("key pair", "fail", str(error))
        return
    yield _key_pair(own)
    if own.app_cert:
        yield _certificates(own)
    yield _reachability(told)


def _key_pair(own: Keys) -> Diagnosis:
    """Whether ours signs what its public half verifies."""
    private, mode = own.private, "certificate mode" if own.app_cert else "key mode"
    signature = private.sign(b"checkout", PKCS1v15(), SHA256())
    private.public_key().verify(signature, b"checkout", PKCS1v15(), SHA256())
    if private.key_size < FEWEST_BITS:
        few = f"{private.key_size} bits are few: make a pair of {FEWEST_BITS} for Alipay"
        return Diagnosis("key pair", "warn", f"{few} ({mode})")
    return Diagnosis("key pair", "ok", f"{mode}: RSA of {private.key_size} bits signs and verifies")


def _certificates(own: Keys) -> Diagnosis:
    left = certificates.days_left(own)
    seen = ", ".join(
        f"{name} {days} days" if days >= 0 else f"{name} ended {-days} days ago" for name, days in left.items()
    )
    days = min(left.values())
    if days < 0:
        return Diagnosis("certificates", "fail", f"one is over ({seen}): get a new one from Alipay's console")
    if days < certificates.WARN_DAYS:
        return Diagnosis("certificates", "warn", f"one ends soon ({seen}): get a new one from Alipay's console")
    return Diagnosis("certificates", "ok", f"they hold: {seen}")


def _reachability(told: Settings) -> Diagnosis:
    """Asks for a trade that does not exist: the right answer proves address, app id, both keys and the clock."""
    patience = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    with Redis.from_url(told.redis_url, **patience) as redis:
        answer = Alipay(told, redis, CALL_SECONDS).query(NO_SUCH_TRADE)
    if isinstance(answer, Refused) and answer.code == "TRADE_NOT_EXIST":
        return Diagnosis("alipay", "ok", "it knows us, and we know it")
    if isinstance(answer, Unknown):
        cure = _CURES.get(answer.code) or _cure_of_silence(answer.why)
        return Diagnosis("alipay", "fail", f"{answer.why}: {cure}")
    seen = f"{answer.code}: {answer.message}" if isinstance(answer, Refused) else "it knows a trade that cannot be"
    code = answer.code if isinstance(answer, Refused) else ""
    cure = _CURES.get(code, "see the code in Alipay's documentation")
    return Diagnosis("alipay", "fail", f"{seen[:120]}; {cure}")


def _cure_of_silence(why: str) -> str:
    if "signature" in why and "signed" not in why:
        return "CHECKOUT_ALIPAY_PUBLIC_KEY_FILE must hold Alipay's own public key, from its console"
    return "see CHECKOUT_ALIPAY_GATEWAY_URL, and the network"
