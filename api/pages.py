"""Pages for people, the same for everybody: the operators' console and the API's documents. What they show they ask."""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from falcon.asgi import Request, Response

from api.runtime import Runtime
from checkout.errors import NotFound

_TYPES = {
    "": "text/plain; charset=utf-8",  # LICENSE and NOTICE.
    ".txt": "text/plain; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
MEDIA = tuple(dict.fromkeys(kind.partition(";")[0] for kind in _TYPES.values()))


class File(NamedTuple):
    """What a browser gets, and by which mark it asks whether it has changed."""

    content: bytes
    media_type: str
    etag: str


class Site:
    """One page with its modules, styles and pictures; nothing runs there that is not of them."""

    def __init__(self, folder: str, pictures: str = "'self'") -> None:
        self.folder = Path(__file__).parent / folder
        self._policy = "; ".join(
            (
                "default-src 'none'",
                *(f"{kind}-src 'self'" for kind in ("script", "style", "connect")),
                f"img-src {pictures}",
                *(f"{kind} 'none'" for kind in ("frame-ancestors", "base-uri", "form-action")),
            )
        )

    @cached_property
    def files(self) -> dict[str, File]:
        """All of them by name, read once: a path is never made of what somebody asks for."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and path.suffix in _TYPES)
        return {path.name: _read(path) for path in found}

    def answer(self, req: Request, resp: Response, name: str) -> None:
        """Raises NotFound."""
        if name not in self.files:
            raise NotFound("this page has no such file")
        resp.set_header("Content-Security-Policy", self._policy)
        resp.set_header("Referrer-Policy", "no-referrer")
        give(req, resp, self.files[name])


def give(req: Request, resp: Response, found: File) -> None:
    """The file, or that the asker has it already."""
    resp.set_header("ETag", found.etag)
    resp.cache_control = ["no-cache"]  # Kept, and asked about each time: all modules are of one version.
    if found.etag in (req.get_header("If-None-Match") or ""):
        resp.status = 304
        return
    resp.content_type, resp.data = found.media_type, found.content


def made(content: bytes, media_type: str) -> File:
    """A file of that content."""
    return File(content, media_type, f'"{blake2b(content, digest_size=12).hexdigest()}"')


def _read(path: Path) -> File:
    return made(path.read_bytes(), _TYPES[path.suffix])


CONSOLE = Site("console")
VIEWER = Site("viewer", pictures="'self' data:")  # Swagger UI's style has its arrows in itself.


async def console(_api: Runtime, req: Request, resp: Response) -> None:
    """The operators' console, for a person."""
    CONSOLE.answer(req, resp, "index.html")


async def console_file(_api: Runtime, req: Request, resp: Response, file: str) -> None:
    """A module, style or picture of the console."""
    CONSOLE.answer(req, resp, file)


async def viewer(_api: Runtime, req: Request, resp: Response) -> None:
    """The operations, for a person."""
    VIEWER.answer(req, resp, "index.html")


async def viewer_file(_api: Runtime, req: Request, resp: Response, file: str) -> None:
    """A script, style, picture or licence of that page."""
    VIEWER.answer(req, resp, file)
