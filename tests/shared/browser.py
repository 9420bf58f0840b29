"""A real browser for the pages that people use: what it logs as an error, and whom it asks, is watched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

EXECUTABLE = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(EXECUTABLE is None, reason="there is no Chromium here")
LONGEST_MILLISECONDS = 60_000
expect.set_options(timeout=LONGEST_MILLISECONDS)


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Debian's own; as root it has no sandbox to run in."""
    flags = ["--no-proxy-server", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=flags)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def a_page(browser: Browser, url: str, *others: str, may_refuse: bool = False, **settings: Any) -> Iterator[Page]:
    """A page of that site; it and those it opens end without an error in the console and ask no others than it names.

    `may_refuse`: what the service refuses is part of the test; the browser itself logs it as an error.
    """
    faults: list[str] = []
    context = browser.new_context(**{"base_url": url, "locale": "en-GB"} | settings)
    context.set_default_timeout(LONGEST_MILLISECONDS)
    context.on("console", lambda message: faults.extend(_errors(message, may_refuse=may_refuse)))
    context.on("weberror", lambda error: faults.append(str(error.error)))
    context.on("request", lambda request: None if _is_of((url, *others), request.url) else faults.append(request.url))
    try:
        yield context.new_page()
        assert not faults, faults
    finally:
        context.close()


def _errors(message: ConsoleMessage, *, may_refuse: bool) -> list[str]:
    is_refusal = may_refuse and message.text.startswith("Failed to load resource")
    return [message.text] if message.type == "error" and not is_refusal else []


def _is_of(sites: Sequence[str], url: str) -> bool:
    asked = urlsplit(url)
    return asked.scheme in ("data", "blob") or asked.netloc in {urlsplit(site).netloc for site in sites}


def barriers(page: Page) -> list[str]:
    """What axe finds that shuts somebody out: its rules that are serious or critical, with where they are broken."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{one['id']}: {', '.join(str(node['target']) for node in one['nodes'])}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
