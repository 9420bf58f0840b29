"""Requests that a person or a script on this machine means to make, and none that a web page smuggles in."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

import falcon

_NAMES = ("localhost", "127.0.0.1", "::1")


def refuse_strangers(req: falcon.Request) -> None:
    """Raises HTTPForbidden for another machine, a name that somebody pointed here, and a page of another origin.

    A browser runs every page's scripts on this machine, so the address alone says little (DNS rebinding).
    """
    if not ip_address(req.remote_addr.partition("%")[0]).is_loopback:
        raise falcon.HTTPForbidden(description="this machine only")
    if urlsplit(f"//{req.get_header('Host') or ''}").hostname not in _NAMES:
        raise falcon.HTTPForbidden(description="ask by 127.0.0.1 or localhost")
    origin = req.get_header("Origin")
    if origin is not None and origin != f"http://{req.get_header('Host')}":
        raise falcon.HTTPForbidden(description="another origin has no business here")
