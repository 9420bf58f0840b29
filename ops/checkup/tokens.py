"""Whose bearer tokens hold here."""

from __future__ import annotations

from collections.abc import Iterator

from api import keys
from api.keys import SetUnreadable
from checkout.settings import Settings
from ops.checkup import Diagnosis


def tokens(told: Settings) -> Iterator[Diagnosis]:
    """Without an identity provider there is nothing to look at."""
    if not told.jwks:
        return
    try:
        found = keys.read(told.jwks)
    except SetUnreadable as error:
        yield Diagnosis("identity", "fail", f"{error}: see CHECKOUT_JWKS; its tokens do not hold until then")
        return
    if not (told.jwt_audience and told.jwt_issuer):
        cure = "set CHECKOUT_JWT_AUDIENCE and CHECKOUT_JWT_ISSUER, or a token made for another service holds here too"
        yield Diagnosis("identity", "warn", cure)
        return
    yield Diagnosis("identity", "ok", f"{len(found)} keys of the provider can be used")
