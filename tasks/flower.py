"""`python -m tasks.flower`: Flower, whose one user has one password, of any characters.

Flower itself splits its setting at commas, so that the part before one lets in alone, and fails at what is not ASCII.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import sys
from typing import Any

from celery.bin.celery import celery
from flower.views import BaseHandler
from tornado.options import options
from tornado.web import HTTPError

from checkout import settings
from checkout.errors import SettingsError


def is_the_operator(header: str, credentials: str) -> bool:
    """Whether the Authorization header carries the credentials, as RFC 7617 has them in UTF-8."""
    scheme, _, encoded = header.partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(given, credentials.encode())


def main() -> int:
    """Runs Flower with its own options, like --port; the exit status."""
    try:
        credentials = settings.current().flower_basic_auth
    except SettingsError as error:
        sys.stderr.write(f"flower: {error}\n")
        return 1
    if not credentials:
        sys.stderr.write("flower: CHECKOUT_FLOWER_BASIC_AUTH is missing: set USER:PASSWORD\n")
        return 1

    def the_operator(handler: Any) -> bool:
        if not is_the_operator(handler.request.headers.get("Authorization", ""), credentials):
            raise HTTPError(401)
        return True

    BaseHandler.get_current_user = the_operator  # The one door that all of its pages and its API share.
    options.basic_auth = ["as checked above"]  # Pages ask it whether there is a login at all.
    celery.main(["--quiet", "-A", "tasks.app", "flower", *sys.argv[1:]], prog_name="celery")
    return 0


if __name__ == "__main__":
    sys.exit(main())
