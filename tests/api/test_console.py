"""The console's files as the API serves them: kept until they change, and nothing runs that is not of them."""

from __future__ import annotations

import re

import pytest

from api import pages
from tests.shared.client import Client, problem

FILES = sorted(pages.files())


@pytest.mark.parametrize("path", ["/console", *(f"/console/{name}" for name in FILES)])
def test_a_file_is_kept_until_it_changes(shared_client: Client, path: str) -> None:
    first = shared_client.get(path, user=None)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
    again = shared_client.get(path, user=None, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = shared_client.get(path, user=None, headers={"If-None-Match": '"another"'})
    assert other.content == first.content


def test_nothing_runs_or_is_shown_that_is_not_the_services_own(shared_client: Client) -> None:
    policy = shared_client.get("/console", user=None).headers["Content-Security-Policy"]
    assert set(policy.split("; ")) == {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    }


@pytest.mark.parametrize("name", FILES)
def test_no_file_names_another_host_or_makes_html_of_texts(name: str) -> None:
    text = pages.files()[name].content.decode().replace("http://www.w3.org/2000/svg", "")
    assert not re.search(
        r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|<style|style=", text
    )


@pytest.mark.parametrize("name", ["gone.js", "..%2Fapp.py", "index.html.bak", "%00"])
def test_what_is_no_file_of_it_is_not_there(shared_client: Client, name: str) -> None:
    assert problem(shared_client.get(f"/console/{name}", user=None)) == (404, "not_found")
