"""Who may behind the counter: this machine, with the token that lies in the data directory."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from pathlib import Path

import falcon

from sandbox.local import refuse_strangers

FILE = "admin.token"


def token_of(data_dir: Path) -> str:
    """Made at the first start; only the directory's owner can read it."""
    file = data_dir / FILE
    if not file.exists():
        beside = file.with_name(f".{FILE}.new")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as new:
            new.write(secrets.token_urlsafe(32))
        beside.replace(file)
    return file.read_text(encoding="utf-8")


class Door:
    """Bearer for scripts; for a browser, which asks a person, the password of any user."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        if not req.path.startswith("/admin"):
            return
        refuse_strangers(req)
        if not hmac.compare_digest(_shown(req.get_header("Authorization") or ""), self._token):
            why = f"show the token in the file {FILE} of the data directory"
            raise falcon.HTTPUnauthorized(description=why, challenges=['Basic realm="admin"', "Bearer"])


def _shown(header: str) -> bytes:
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return credentials.encode() if scheme.lower() == "bearer" else b""
