"""Placing, following, cancelling, shipping and completing orders."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import msgspec
from falcon.asgi import Request, Response, SSEvent

from api import answers, bodies, counters, operators, problems, reading, streams
from api.answers import OrderBody, OrderPage
from api.auth import Caller
from api.limits import check_rate
from api.problems import Forbidden, Unauthorized
from api.runtime import Runtime
from api.traces import TRACE
from checkout import clock
from checkout.errors import EmptyCart, Invalid, KeyReused, NotFound
from checkout.orders import acceptance, cart, closing, shipping, views
from checkout.orders.acceptance import Accepted
from checkout.orders.allocation import Refusal
from checkout.orders.views import View

STREAM_SECONDS = 600
PING_SECONDS = 15
RETRY_MS = 1000


async def place(api: Runtime, req: Request, resp: Response) -> None:
    """Stores the order, then answers; a worker places it."""
    caller = await api.tokens.caller(req)
    key = reading.idempotency_key(req)
    body = await reading.json_body(req, bodies.OrderRequest)
    request = bodies.order_request(body, caller.user_id, key, req.scope.get(TRACE, ""))
    answer: Accepted | Refusal | None = None
    refusal = _refusal(api, request)
    # A repeated request needs no cart, counts for no rate, and came when its way to pay and its region were served.
    if request.from_cart or refusal or (api.settings.rate_per_user and not api.shelf.may_lack(request.lines)):
        answer = await api.transact(lambda connection: acceptance.known(connection, request))
    if answer is None:
        if refusal:
            raise refusal
        await api.require_own_prices()
        if request.from_cart:
            request = msgspec.structs.replace(request, lines=await selected(api, caller))
        answer = await _looked_at(api, request)
    if answer is None:
        await check_rate(api, caller.user_id)
        answer = await api.door.submit(request)
    if isinstance(answer, Refusal):
        counters.refused.inc()
        problems.write(resp, problems.out_of_stock(answer.shortages or ()))
    else:
        await _answer_accepted(api, resp, request, answer)


def _refusal(api: Runtime, request: acceptance.Request) -> Invalid | None:
    """What the shop does for nobody, whatever is ordered."""
    if request.pay_method not in api.settings.pay_methods:
        return Invalid(f"{request.pay_method} is not taken here", "pay_method")
    if not api.resources.terms.prices.delivers_to(request.address.region):
        return Invalid("nothing is sent to this region", "address.region")
    return None


async def _looked_at(api: Runtime, request: acceptance.Request) -> Accepted | Refusal | None:
    """What becomes of an order for what has run short, without storing it; None: it may come in."""
    if not api.shelf.may_lack(request.lines):
        return None
    answer = await api.looks.submit(request)
    if answer is None:
        api.shelf.had_enough(request.lines)
    elif isinstance(answer, Refusal):
        api.shelf.ran_short({one["sku_id"]: one["available"] for one in answer.shortages or ()})
    return answer


async def _answer_accepted(api: Runtime, resp: Response, request: acceptance.Request, accepted: Accepted) -> None:
    if accepted.reused:
        raise KeyReused("the Idempotency-Key came with another request before")
    resp.set_headers({"Location": f"/v1/orders/{accepted.order_id}", "Retry-After": "1"})
    if accepted.accepted_at is None:
        resp.set_header("Idempotent-Replayed", "true")
        view = await read(api, accepted.order_id, None)
        resp.set_header("ETag", _etag(view))
        reading.answer(resp, _body(api, view), 202)
        return
    resp.set_header("ETag", '"1"')
    url = api.streams.url(accepted.order_id)
    at = clock.rfc3339(accepted.accepted_at)
    reading.answer(resp, answers.accepted_body(accepted.order_id, request, at, url), 202)


async def selected(api: Runtime, caller: Caller) -> tuple[tuple[str, int], ...]:
    """What an order from the cart would take now. Raises EmptyCart and Invalid."""
    items = await api.run(lambda: cart.read(api.resources.redis, caller.user_id))
    lines = [(item.sku_id, item.quantity) for item in items if item.selected]
    if not lines:
        raise EmptyCart("nothing in the cart is selected")
    return bodies.summed(lines)


async def show(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """The order; with `Prefer: wait` as soon as it changes."""
    caller = await api.tokens.caller(req)
    number = reading.number(order_id, "order")
    owner = None if caller.is_operator else caller.user_id
    known = (req.get_header("If-None-Match") or "").removeprefix("W/").strip()
    seconds = reading.wait_seconds(req)
    if seconds:
        view = await _wait(api, number, owner, known, seconds)
        resp.set_header("Preference-Applied", f"wait={seconds}")
        if api.waiters.leaving:
            resp.set_header("Retry-After", "1")
    else:
        view = await read(api, number, owner)
    resp.set_header("ETag", _etag(view))
    if known and known == _etag(view):
        resp.status = 304
    elif caller.is_operator:
        reading.answer(resp, operators.with_user(api, view))
    else:
        reading.answer(resp, _body(api, view))


async def _wait(api: Runtime, order_id: int, owner: int | None, known: str, seconds: float) -> View:
    """With an ETag: until the order differs from it; without: while it is accepted."""
    deadline = time.monotonic() + seconds
    with api.waiters.of(order_id) as waiter:
        while True:
            view = await read(api, order_id, owner)
            is_news = _etag(view) != known if known else view.status != "accepted"
            left = deadline - time.monotonic()
            if is_news or left <= 0 or api.waiters.leaving:
                return view
            await waiter.newer(view.version, left)


async def follow(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """The order's changes as server-sent events; an event's id is the order's version.

    Each event's data is the order. The stream stays open for minutes: read it as it comes, never as a whole.
    """
    number = reading.number(order_id, "order")
    owner = await _stream_owner(api, req, number)
    await read(api, number, owner)
    last = req.get_header("Last-Event-ID") or ""
    known = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
    resp.set_header("Cache-Control", "no-store")
    resp.set_header("X-Accel-Buffering", "no")  # Or nginx would hold the events back.
    # A stream does not renew its own token: whoever got hold of one address would read names and phones for good.
    given = req.get_param("token")
    resp.sse = _stream(api, number, known, streams.url(number, given) if given else api.streams.url(number))


async def _stream_owner(api: Runtime, req: Request, order_id: int) -> int | None:
    token = req.get_param("token")
    if token is not None:
        if not api.streams.opens(order_id, token):
            raise Unauthorized("the stream's token does not hold any more; take a new one from the order")
        return None
    caller = await api.tokens.caller(req)
    return None if caller.is_operator else caller.user_id


async def _stream(api: Runtime, order_id: int, known: int, url: str) -> AsyncIterator[SSEvent | None]:
    end = time.monotonic() + STREAM_SECONDS
    with api.waiters.of(order_id) as waiter:
        while not _is_over(api, end):
            view = await read(api, order_id, None)
            if view.version > known:
                yield _event(view, url)
            known = max(known, view.version)
            while not _is_over(api, end) and not await waiter.newer(view.version, PING_SECONDS):
                if not api.waiters.leaving:
                    yield SSEvent(comment="still here")
        yield SSEvent(comment="come back", retry=RETRY_MS)


def _is_over(api: Runtime, end: float) -> bool:
    return api.waiters.leaving or time.monotonic() >= end


def _event(view: View, url: str) -> SSEvent:
    return SSEvent(data=msgspec.json.encode(answers.order_body(view, url)), event_id=str(view.version), retry=RETRY_MS)


async def page(api: Runtime, req: Request, resp: Response) -> None:
    """The caller's orders, newest first; an operator finds everybody's, by what he knows of them."""
    caller = await api.tokens.caller(req)
    if caller.is_operator:
        return await operators.search(api, req, resp)
    if asked := [name for name in operators.FILTERS if req.get_param(name) is not None]:
        raise Forbidden(f"the scope operator is needed to look for {asked[0]}")
    status = operators.status(req)
    before, limit = reading.cursor(req, "cursor", views.NEWEST_OF_ALL), reading.limit(req)
    page = await api.transact(lambda c: views.page(c, caller.user_id, status, before, limit))
    following = str(page[-1].id) if len(page) == limit else None
    return reading.answer(resp, OrderPage([_body(api, view) for view in page], following))


async def cancel(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """Cancels for the buyer at once."""
    caller = await api.tokens.caller(req)
    number = reading.number(order_id, "order")
    await reading.json_body(req, bodies.Nothing)
    owner = None if caller.is_operator else caller.user_id
    asked, wakes = await api.transact(lambda connection: closing.cancel(connection, number, owner))
    if asked:
        api.doorbell.ring("query_payments", asked)
    await api.changed(wakes)
    await _answer(api, resp, number)


async def ship(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """All that is left leaves in one parcel."""
    await api.tokens.operator(req)
    number = reading.number(order_id, "order")
    body = await reading.json_body(req, bodies.ShipRequest)
    label = shipping.Label(body.carrier, body.tracking_number)
    await api.changed(await api.transact(lambda connection: shipping.ship(connection, number, label)))
    await _answer(api, resp, number)


async def complete(api: Runtime, req: Request, resp: Response, order_id: str) -> None:
    """The buyer has the goods."""
    caller = await api.tokens.caller(req)
    number = reading.number(order_id, "order")
    await reading.json_body(req, bodies.Nothing)
    owner = None if caller.is_operator else caller.user_id
    await api.changed(await api.transact(lambda connection: shipping.complete(connection, number, owner)))
    await _answer(api, resp, number)


async def _answer(api: Runtime, resp: Response, order_id: int) -> None:
    view = await read(api, order_id, None)
    resp.set_header("ETag", _etag(view))
    reading.answer(resp, _body(api, view))


async def read(api: Runtime, order_id: int, owner: int | None) -> View:
    """The order as it is; an owner finds only his own. Raises NotFound."""
    view = await api.reads.submit(order_id)
    if view is None or owner not in (None, view.user_id):
        raise NotFound(f"there is no order {order_id}")
    return view


def _etag(view: View) -> str:
    return f'"{view.version}"'


def _body(api: Runtime, view: View) -> OrderBody:
    return answers.order_body(view, api.streams.url(view.id))
