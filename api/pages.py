"""The operators' console: one page and its modules, the same for everybody. What it shows it asks of the API."""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from falcon.asgi import Request, Response

from api.runtime import Runtime
from checkout.errors import NotFound

FOLDER = Path(__file__).parent / "console"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "connect", "img")),
        *(f"{kind} 'none'" for kind in ("frame-ancestors", "base-uri", "form-action")),
    )
)


MEDIA = tuple(kind.partition(";")[0] for kind in _TYPES.values())


class File(NamedTuple):
    """What a browser gets, and by which mark it asks whether it has changed."""

    content: bytes
    media_type: str
    etag: str


async def console(_api: Runtime, req: Request, resp: Response) -> None:
    """The operators' console, for a person."""
    _answer(req, resp, "index.html")


async def file(_api: Runtime, req: Request, resp: Response, file: str) -> None:
    """A module, style or picture of the console."""
    _answer(req, resp, file)


def _answer(req: Request, resp: Response, name: str) -> None:
    """Raises NotFound."""
    if name not in files():
        raise NotFound("the console has no such file")
    found = files()[name]
    resp.set_header("Content-Security-Policy", _POLICY)
    resp.set_header("Referrer-Policy", "no-referrer")
    resp.set_header("ETag", found.etag)
    resp.cache_control = ["no-cache"]  # Kept, and asked about each time: all modules are of one version.
    if found.etag in (req.get_header("If-None-Match") or ""):
        resp.status = 304
        return
    resp.content_type, resp.data = found.media_type, found.content


@cache
def files() -> dict[str, File]:
    """All of them by name, read once: a path is never made of what somebody asks for."""
    return {path.name: _read(path) for path in FOLDER.iterdir() if path.suffix in _TYPES}


def _read(path: Path) -> File:
    content = path.read_bytes()
    return File(content, _TYPES[path.suffix], f'"{blake2b(content, digest_size=12).hexdigest()}"')
