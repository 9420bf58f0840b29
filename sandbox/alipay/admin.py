"""Behind the counter: JSON over HTTP for tests and people; sandbox/alipay/door.py says who may come in."""

from datetime import date
from typing import Any

import falcon
import msgspec

from sandbox.alipay import bills, cashier, late_buyers, offers, refunds, trades
from sandbox.alipay.clock import written
from sandbox.alipay.faults import Armed, Rule
from sandbox.alipay.fields import amount_fen, yuan
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.model import Trade
from sandbox.alipay.offers import Offer
from sandbox.alipay.wire import AlipayError

_MOST = 1000
WsgiApp = falcon.App[falcon.Request, falcon.Response]


def body_of(req: falcon.Request) -> dict[str, Any]:
    body = req.get_media(default_when_empty={})
    if not isinstance(body, dict):
        raise falcon.HTTPBadRequest(description="a JSON object is expected")
    return body


def limit_of(req: falcon.Request) -> int:
    return req.get_param_as_int("limit", min_value=1, max_value=_MOST, default=100)


class Resource:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def offer(self, body: dict[str, Any]) -> Offer:
        """The offer that `pay_url`, `order_string`, `qr_code`, `trade_no` (for my.tradePay) or `out_trade_no` names."""
        for name in ("pay_url", "order_string", "qr_code"):
            if isinstance(body.get(name), str):
                return cashier.open_address(self.gateway, body[name])
        if isinstance(body.get("trade_no"), str):
            return offers.find(self.gateway, self.trade(body).token)
        return offers.newest(self.gateway, str(body.get("out_trade_no", "")))

    def trade(self, body: dict[str, Any]) -> Trade:
        return trades.named(self.gateway, body)


class Buyer(Resource):
    """POST /admin/open, /admin/login, /admin/pay: what the buyer would do in a browser, as one call."""

    def on_post_open(self, req: falcon.Request, resp: falcon.Response) -> None:
        offer = self.offer(body_of(req))
        address = f"{self.gateway.base_url}/cashier/{offer.token}"
        resp.media = {"out_trade_no": offer.out_trade_no, "cashier_url": address}

    def on_post_login(self, req: falcon.Request, resp: falcon.Response) -> None:
        trade = trades.log_in(self.gateway, self.offer(body_of(req)).token)
        resp.media = {"trade": show_trade(trade) if trade else None}

    def on_post_pay(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Logs in and pays; with `after_seconds` the buyer comes later."""
        body = body_of(req)
        offer = self.offer(body)
        if "after_seconds" in body:
            late_buyers.expect(self.gateway, offer.out_trade_no, msgspec.convert(body["after_seconds"], float))
            resp.media = {"out_trade_no": offer.out_trade_no}
            return
        trade = trades.pay(self.gateway, offer.token)
        resp.media = show_trade(trade) | {"return_url": cashier.return_address(self.gateway, offer, trade)}


class Trades(Resource):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"trades": [show_trade(trade) for trade in trades.recent(self.gateway, limit_of(req))]}

    def on_get_one(self, _req: falcon.Request, resp: falcon.Response, out_trade_no: str) -> None:
        trade = self.trade({"out_trade_no": out_trade_no})
        found = refunds.of_trade(self.gateway, trade)
        resp.media = show_trade(trade) | {
            "refunds": [
                {
                    "out_request_no": refund.out_request_no,
                    "amount": yuan(refund.amount_fen),
                    "state": refund.state,
                    "reason": refund.reason,
                    "external": bool(refund.external),
                    "asked_at": written(refund.asked_at),
                }
                for refund in found
            ],
            "notifies": notifies_of(self.gateway, "WHERE trade_no = ?", trade.trade_no),
        }

    def on_post_refund(self, req: falcon.Request, resp: falcon.Response) -> None:
        """A refund made in Alipay's own console: {"out_trade_no", "amount"?, "out_request_no"?}."""
        body = body_of(req)
        trade = self.trade(body)
        fen = amount_fen(body, "amount") if "amount" in body else trade.total_fen - trade.refunded_fen
        number = str(body.get("out_request_no") or f"console{len(refunds.of_trade(self.gateway, trade)) + 1}")
        refunds.refund(self.gateway, trade, fen, number, "console", external=True)
        resp.media = show_trade(trades.read(self.gateway, trade.trade_no)) | {"out_request_no": number}

    def on_post_finish(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = show_trade(trades.finish(self.gateway, self.trade(body_of(req))))


class Notifies(Resource):
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        order = req.get_param("out_trade_no")
        where = "WHERE trade_no = (SELECT trade_no FROM trades WHERE out_trade_no = ?)" if order else "WHERE ? IS NULL"
        resp.media = {"notifies": notifies_of(self.gateway, where, order, limit_of(req))}

    def on_post_resend(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send again now: {"notify_id"} one, {"out_trade_no"} all of an order; lost ones too."""
        body = body_of(req)
        sql = (
            "UPDATE notifies SET state = 'due', held = 0, due_at = ? WHERE notify_id = ? "
            "OR trade_no = (SELECT trade_no FROM trades WHERE out_trade_no = ?)"
        )
        now = self.gateway.clock.real()
        count = self.gateway.store.run(sql, now, body.get("notify_id", ""), body.get("out_trade_no", ""))
        self.gateway.wake.set()
        resp.media = {"resent": count}


class Faults(Resource):
    def on_get(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"faults": [show_fault(armed) for armed in self.gateway.faults.list()]}

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = show_fault(self.gateway.faults.add(msgspec.convert(body_of(req), Rule)))

    def on_delete(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"cleared": self.gateway.faults.clear()}

    def on_delete_one(self, _req: falcon.Request, resp: falcon.Response, rule_id: int) -> None:
        resp.media = {"cleared": self.gateway.faults.clear(rule_id)}


class Controls(Resource):
    """Switches, clock, certificate rotation and the end of a day."""

    def on_get_switches(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = msgspec.to_builtins(self.gateway.switches)

    def on_put_switches(self, req: falcon.Request, resp: falcon.Response) -> None:
        self.gateway.set_switches(body_of(req))
        self.on_get_switches(req, resp)

    def on_get_clock(self, _req: falcon.Request, resp: falcon.Response) -> None:
        clock = self.gateway.clock
        resp.media = {"beijing": written(clock.now()), "skew_seconds": clock.skew, "time_scale": clock.scale}

    def on_post_clock(self, req: falcon.Request, resp: falcon.Response) -> None:
        self.gateway.set_skew(msgspec.convert(body_of(req).get("skew_seconds"), float))
        self.on_get_clock(req, resp)

    def on_post_rotate(self, _req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"alipay_cert_sn": self.gateway.signer.rotate()}

    def on_post_close_day(self, req: falcon.Request, resp: falcon.Response) -> None:
        given = body_of(req).get("date")
        day = bills.today(self.gateway) if given is None else msgspec.convert(given, date)
        bills.close_day(self.gateway, day)
        resp.media = {"date": day.isoformat()}


def notifies_of(gateway: Gateway, where: str, value: str | None, limit: int = 100) -> list[dict[str, Any]]:
    """Notifies with their deliveries, newest first; `where` is one of this module's own conditions."""
    sql = f"SELECT * FROM notifies {where} ORDER BY number DESC LIMIT ?"  # noqa: S608 - the conditions are ours
    return [
        {
            "notify_id": row["notify_id"],
            "trade_no": row["trade_no"],
            "event": row["event"],
            "state": row["state"],
            "attempts": [
                {"at": written(attempt["at"]), "outcome": attempt["outcome"]}
                for attempt in gateway.store.all(
                    "SELECT * FROM attempts WHERE notify_id = ? ORDER BY at LIMIT 100", row["notify_id"]
                )
            ],
            "due_at": written(row["due_at"]),
            "params": msgspec.json.decode(row["params"]),
        }
        for row in gateway.store.all(sql, value, limit)
    ]


def show_trade(trade: Trade) -> dict[str, Any]:
    moments = {
        name: getattr(trade, name) for name in ("created_at", "paid_at", "closed_at", "finished_at", "expires_at")
    }
    return {
        "trade_no": trade.trade_no,
        "out_trade_no": trade.out_trade_no,
        "product": trade.product,
        "installments": trade.installments,
        "trade_status": trade.status,
        "subject": trade.subject,
        "total_amount": yuan(trade.total_fen),
        "refunded_amount": yuan(trade.refunded_fen),
        **{name: written(moment) if moment else None for name, moment in moments.items()},
    }


def show_fault(armed: Armed) -> dict[str, Any]:
    rule = {name: value for name, value in msgspec.to_builtins(armed.rule).items() if value is not None}
    return {"id": armed.id, **rule, "seen": armed.seen, "hits": armed.hits}


def refusal_as_json(_req: falcon.Request, resp: falcon.Response, error: AlipayError, _params: object) -> None:
    resp.status = 404 if error.sub_code == "ACQ.TRADE_NOT_EXIST" else 409
    resp.media = {"error": error.sub_code, "message": error.sub_msg}


def misuse_as_json(
    _req: falcon.Request, resp: falcon.Response, error: msgspec.ValidationError, _params: object
) -> None:
    resp.status = 422
    resp.media = {"error": "invalid", "message": str(error)}


def add_routes(app: WsgiApp, gateway: Gateway) -> None:
    app.add_error_handler(AlipayError, refusal_as_json)
    app.add_error_handler(msgspec.ValidationError, misuse_as_json)
    buyer, controls, faults = Buyer(gateway), Controls(gateway), Faults(gateway)
    some_trades, notifies = Trades(gateway), Notifies(gateway)
    for step in ("open", "login", "pay"):
        app.add_route(f"/admin/{step}", buyer, suffix=step)
    app.add_route("/admin/trades", some_trades)
    app.add_route("/admin/trades/{out_trade_no}", some_trades, suffix="one")
    app.add_route("/admin/refund", some_trades, suffix="refund")
    app.add_route("/admin/finish", some_trades, suffix="finish")
    app.add_route("/admin/notifies", notifies)
    app.add_route("/admin/notifies/resend", notifies, suffix="resend")
    app.add_route("/admin/faults", faults)
    app.add_route("/admin/faults/{rule_id:int}", faults, suffix="one")
    app.add_route("/admin/switches", controls, suffix="switches")
    app.add_route("/admin/clock", controls, suffix="clock")
    app.add_route("/admin/rotate-certificate", controls, suffix="rotate")
    app.add_route("/admin/close-day", controls, suffix="close_day")
