"""The pages' files as the API serves them: kept until they change, and nothing runs that is not of them."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from api.pages import CONSOLE, VIEWER
from tests.shared.client import Client, problem

SITES = {"/console": CONSOLE, "/docs": VIEWER}
PATHS = [path for start, site in SITES.items() for path in (start, *(f"{start}/{name}" for name in sorted(site.files)))]
SWAGGER_UI = VIEWER.folder / "swagger-ui"
# Pictures are no texts, and what others wrote names whom it likes; that nobody is asked is seen in a browser.
OWN = sorted(
    path for site in SITES.values() for path in site.folder.iterdir() if path.suffix in (".html", ".js", ".css")
)


@pytest.mark.parametrize("path", PATHS)
def test_a_file_is_kept_until_it_changes(shared_client: Client, path: str) -> None:
    first = shared_client.get(path, user=None)
    assert (first.status_code, first.headers["Cache-Control"]) == (200, "no-cache")
    again = shared_client.get(path, user=None, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = shared_client.get(path, user=None, headers={"If-None-Match": '"another"'})
    assert other.content == first.content


@pytest.mark.parametrize(("path", "pictures"), [("/console", "'self'"), ("/docs", "'self' data:")])
def test_nothing_runs_or_is_shown_that_is_not_the_services_own(shared_client: Client, path: str, pictures: str) -> None:
    policy = shared_client.get(path, user=None).headers["Content-Security-Policy"]
    assert set(policy.split("; ")) == {
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        f"img-src {pictures}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    }


@pytest.mark.parametrize("path", OWN, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_file_names_another_host_or_makes_html_of_texts(path: object) -> None:
    text = (CONSOLE.folder / str(path)).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(
        r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|<style|style=", text
    )


@pytest.mark.parametrize("name", ["gone.js", "..%2Fapp.py", "index.html.bak", "README.md", "swagger-ui", "%00"])
@pytest.mark.parametrize("site", SITES)
def test_what_is_no_file_of_it_is_not_there(shared_client: Client, site: str, name: str) -> None:
    assert problem(shared_client.get(f"{site}/{name}", user=None)) == (404, "not_found")


def test_the_viewer_is_the_one_that_is_noted_and_its_licences_are_served(shared_client: Client) -> None:
    noted = re.findall(r"^    ([0-9a-f]{64})  (.+)$", (SWAGGER_UI / "README.md").read_text(encoding="utf-8"), re.M)
    found = [path for path in SWAGGER_UI.iterdir() if path.name != "README.md"]
    assert {name: told for told, name in noted} == {path.name: sha256(path.read_bytes()).hexdigest() for path in found}
    assert "Apache License" in shared_client.get("/docs/LICENSE", user=None).text
    page = shared_client.get("/docs", user=None).text
    assert all(f'href="/docs/{path.name}"' in page for path in found if path.suffix in ("", ".txt"))


def test_no_two_files_of_a_site_have_one_name() -> None:
    for site in SITES.values():
        served = [path for path in site.folder.rglob("*") if path.name in site.files and path.is_file()]
        assert len(served) == len(site.files)
