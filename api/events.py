"""The event log, for subscribers that catch up."""

from __future__ import annotations

from falcon.asgi import Request, Response

from api import reading
from api.answers import EventPage
from api.runtime import Runtime
from checkout.events import log

USUAL_A_PAGE = 100
MOST_A_PAGE = 1000


async def page(api: Runtime, req: Request, resp: Response) -> None:
    """What the relay has sent after that event, oldest first."""
    await api.tokens.operator(req)
    after, limit = reading.cursor(req, "after", 0), reading.limit(req, USUAL_A_PAGE, MOST_A_PAGE)
    found = await api.transact(lambda connection: log.published_after(connection, after, limit))
    following = str(found[-1].id) if len(found) == limit else None
    reading.answer(resp, EventPage([event.cloud_event() for event in found], following))
