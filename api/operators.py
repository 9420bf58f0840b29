"""What operators see and do beyond a buyer's orders: search, timelines, retries, and what is stuck."""

from __future__ import annotations

from datetime import datetime

from falcon.asgi import Request, Response

from api import answers, bodies, operator_answers, reading
from api.answers import OrderPage
from api.operator_bodies import ResolveRequest
from api.runtime import Runtime
from checkout.audit import stuck as waiting
from checkout.audit import timeline as history
from checkout.db import Connection
from checkout.errors import Invalid, NotFound
from checkout.orders import sweep, views
from checkout.orders.views import Sought
from checkout.schema import words

# What only operators may ask for.
FILTERS = ("user_id", "reference", "out_trade_no", "trade_no", "from", "to")
LONGEST_TEXT = 128
_RESOLVE = "/resolve"


async def search(api: Runtime, req: Request, resp: Response) -> None:
    """Everybody's orders, newest first; a page may be short and yet have another one behind it."""
    sought = _sought(req)
    before, limit = reading.cursor(req, "cursor", views.NEWEST_OF_ALL), reading.limit(req)
    found, more = await api.transact(lambda c: views.search(c, sought, before, limit))
    page = [with_user(api, view) for view in found]
    reading.answer(resp, OrderPage(page, None if more is None else str(more)))


def with_user(api: Runtime, view: views.View) -> answers.OrderBody:
    """An order as operators see it: whose it is."""
    body = answers.order_body(view, api.streams.url(view.id))
    body.user_id = str(view.user_id)
    return body


def _sought(req: Request) -> Sought:
    user_id = req.get_param("user_id")
    if user_id is not None and not (user_id.isascii() and user_id.isdigit() and len(user_id) < 20):
        raise Invalid("digits are expected", "user_id")
    return Sought(
        user_id=None if user_id is None else min(int(user_id), reading.LARGEST_ID),
        status=status(req),
        reference=_text(req, "reference"),
        out_trade_no=_text(req, "out_trade_no"),
        trade_no=_text(req, "trade_no"),
        since=_time(req, "from"),
        until=_time(req, "to"),
    )


def status(req: Request) -> str:
    """A status to look for, or nothing. Raises Invalid."""
    asked = req.get_param("status") or ""
    if asked and asked not in words.TYPES["order_status"]:
        raise Invalid("no such status", "status")
    return asked


def _text(req: Request, name: str) -> str:
    text = req.get_param(name) or ""
    if len(text) > LONGEST_TEXT or "\x00" in text:
        raise Invalid(f"at most {LONGEST_TEXT} characters are expected", name)
    return text


def _time(req: Request, name: str) -> datetime | None:
    text = req.get_param(name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))  # A plus that was not escaped has become a blank.
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 2000 <= at.year < 3000:
        raise Invalid("a time like 2026-11-27T08:00:00Z is expected", name)
    return at


async def timeline(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """Everything that is known of the order, in the order of time."""
    await api.tokens.operator(req)
    number = reading.number(order_id, "order")

    def read(connection: Connection) -> list[history.Entry]:
        views.find(connection, number)
        return history.of_order(connection, number)

    reading.answer(resp, operator_answers.timeline(await api.transact(read)))


async def retry(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """Has an order placed again that is parked, or waits for its next try; the sweep rings for it."""
    await api.tokens.operator(req)
    number = reading.number(order_id, "order")
    await reading.json_body(req, bodies.Nothing)

    def again(connection: Connection) -> views.View:
        found = views.find(connection, number)
        sweep.retry(connection, [number])
        return found

    view = await api.transact(again)
    reading.answer(resp, with_user(api, view), 202)


async def stuck(api: Runtime, req: Request, resp: Response) -> None:
    """Money and orders that need a person, money first."""
    await api.tokens.operator(req)
    kind, page = req.get_param("kind") or "", reading.page(req)
    if kind and kind not in waiting.KINDS:
        raise Invalid("no such kind", "kind")
    found, counts = await api.transact(lambda c: (waiting.find(c, kind, page), waiting.count(c)))
    following = page + 1 if len(found) == waiting.PAGE else None
    reading.answer(resp, operator_answers.stuck_page(found, counts, following))


async def figures(api: Runtime, req: Request, resp: Response) -> None:
    """What waits, for how long, and how much needs a person, at this moment."""
    await api.tokens.operator(req)
    reading.answer(resp, await api.figures.now())


async def resolve(api: Runtime, req: Request, resp: Response, kind: str, subject: str) -> None:
    """A person has settled it; it comes back only when it begins anew."""
    await api.tokens.operator(req)
    named = subject.removesuffix(_RESOLVE)  # A subject may have slashes: the path's rest is taken as it is.
    if named == subject or kind not in waiting.KINDS or "\x00" in named or len(named) > LONGEST_TEXT * 2:
        raise NotFound("there is no such matter")
    body = await reading.json_body(req, ResolveRequest)
    await api.transact(lambda connection: waiting.resolve(connection, kind, named, body.note))
    resp.status = 204
