"""Where Alipay calls: the notify, believed only when it is signed, and the buyer's return, which proves nothing."""

from __future__ import annotations

from falcon.asgi import Request, Response
from sqlalchemy.exc import SQLAlchemyError
from structlog import get_logger

from api import counters, problems, reading
from api.problems import BadRequest, TooLarge, TooSlow
from api.runtime import Runtime
from checkout.alipay import notify
from checkout.alipay.notify import Foreign, Notify, Unverified
from checkout.audit import alarms
from checkout.audit.alarms import Alarm
from checkout.db import Connection
from checkout.errors import SettingsError
from checkout.payments import queries

log = get_logger(__name__)

MOST_NOTIFY_BYTES = 64 * 1024


async def hear(api: Runtime, req: Request, resp: Response) -> None:
    """`success`, exactly these 7 bytes, once the notify is stored; else `failure`, so that Alipay sends it again."""
    resp.content_type = "text/plain"
    resp.data = b"failure"
    try:
        params = notify.parameters(await reading.raw_body(req, MOST_NOTIFY_BYTES))
        stored = await _believe(api, params)
    except (TooLarge, TooSlow) as error:
        resp.status = problems.of(error).status
        stored = False
    except (Unverified, BadRequest):
        counters.notifies.labels("unverified").inc()
        stored = False
    except SQLAlchemyError as error:
        log.warning("notify_not_stored", error=type(error).__name__)
        stored = False
    except SettingsError:
        log.exception("notify_not_checked")  # With a key file that was spoilt; he who calls is anonymous.
        stored = False
    if stored:
        counters.notifies.labels("stored").inc()
        resp.data = b"success"


async def _believe(api: Runtime, params: dict[str, str]) -> bool:
    number = params.get("out_trade_no", "")[:64].replace("\x00", "")
    try:
        told = await _verified(api, params)
    except Unverified:
        # It may be real, altered on its way: asking Alipay is safe, once a minute for each attempt.
        if api.strangers.may_ask():
            await api.transact(lambda connection: queries.hasten(connection, number))
        raise
    except Foreign as error:
        alarm = Alarm("notify_for_another", number, f"Alipay signed a notify about {number}: {error}")
        await api.transact(lambda connection: _alarm(connection, alarm))
        counters.notifies.labels("foreign").inc()
        return False
    fits = await api.inbox.submit(told)
    if not fits:
        counters.notifies.labels("misfit").inc()
    return fits


async def _verified(api: Runtime, params: dict[str, str]) -> Notify:
    alipay = api.resources.alipay
    try:
        return notify.verify(alipay, params)
    except Unverified:
        # Alipay may sign with a new certificate, which a worker has met already.
        if await api.run(alipay.trust.refresh):
            return notify.verify(alipay, params)
        raise


def _alarm(connection: Connection, alarm: Alarm) -> None:
    alarms.raise_alarm(connection, alarm)
    queries.hasten(connection, alarm.subject)


async def come_back(api: Runtime, req: Request, resp: Response) -> None:
    """The buyer's browser returns: Alipay is asked soon, and the shop shows what is known."""
    target = api.settings.shop_url
    try:
        params = notify.parameters((req.query_string or "").encode())
    except Unverified:
        params = {}
    if notify.signed_by_alipay(api.resources.alipay, params):
        number = params.get("out_trade_no", "")
        order_id = await api.transact(lambda connection: queries.hasten(connection, number))
        if order_id is not None:
            target = f"{target}/orders/{order_id}"
    resp.status = 302
    resp.set_header("Location", target)
