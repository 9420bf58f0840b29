"""What buyers do in the demo, over HTTP: money that comes, comes not, or seems to come."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any, TypeVar

from checkout.language.chinese import word
from ops.demo.alipay import Browser
from ops.demo.shop import Buyer, Json, Shop
from ops.demo.timeline import Record

T = TypeVar("T")

PAY_WINDOW_SECONDS = 10
TIME_SCALE = 40.0
# After its deadline an order waits for the last query, the margin of two minutes (scaled) and the scans.
CLOSING_SECONDS = PAY_WINDOW_SECONDS + 15
_MARGIN = timedelta(seconds=120 / TIME_SCALE)
_CROWD, _UNITS = 20, 5


@dataclass(frozen=True)
class Story:
    """`play` writes down what happens; `services` are those whose logs explain a failure; `last`: when all is over."""

    title: str
    play: Callable[[Shop, Record], None]
    services: tuple[str, ...] = ()
    last: bool = False


def buys_what_is_in_the_cart(shop: Shop, record: Record) -> None:
    """Cart, order, cashier, notify; what was put into the cart after the click stays there."""
    buyer = shop.buyer()
    buyer.put_in_cart("tea-longjing", 2)
    buyer.put_in_cart("gaiwan-ru", 1)
    record.step(f"{buyer} has in the cart: {_goods(shop, buyer.cart())}")
    order_id = buyer.order().json()["id"]
    record.step(f"orders the cart: #{order_id}")
    buyer.put_in_cart("mat-bamboo", 1)
    record.step(f"sees a {shop.title('mat-bamboo')} and puts it in, too")
    order = buyer.decided(order_id)
    record.event(shop.events.wait(order_id, "order.placed"), f"#{order_id}  ¥{order.get('total_amount')}")
    record.expect("total, freight of ¥10.00 included", "352.50", order.get("total_amount"))
    left = {"mat-bamboo": 1}
    record.expect("left in the cart", _goods(shop, left), _goods(shop, buyer.cart_until(left, 10)))
    payment = buyer.open_payment(order_id)
    browser = at_the_cashier(record, buyer, payment)
    record.step("pays")
    browser.open(browser.press("pay"))
    record.step("is back in the shop")
    record.expect("the browser's last page", f"{shop.url}/orders/{order_id}", browser.url)
    told = shop.alipay.notifies(payment["out_trade_no"], "acknowledged")
    record.expect("Alipay's notify was answered", "success", told[0]["attempts"][-1]["outcome"])
    expect_paid(shop, record, buyer, order_id)


def never_opens_the_payment(shop: Shop, record: Record) -> None:
    """No attempt was ever handed out: the stock returns at the deadline."""
    buyer = shop.buyer()
    order = _takes_the_last(shop, record, buyer, "tea-oolong")
    closed = _closes(shop, record, buyer, order, "tea-oolong")
    late = _time(closed["closed_at"]) >= _time(closed["pay_before"])
    record.expect("it closed after its deadline", True, late)


def leaves_the_cashier(shop: Shop, record: Record) -> None:
    """A trade waits at Alipay: it is closed there before the stock returns."""
    buyer = shop.buyer()
    order = _takes_the_last(shop, record, buyer, "tea-white")
    browser = at_the_cashier(record, buyer, buyer.open_payment(order["id"]))
    browser.press("leave")
    record.step("leaves without paying")
    _closes(shop, record, buyer, order, "tea-white")


def opens_the_page_and_sleeps(shop: Shop, record: Record) -> None:
    """Alipay knows no trade yet and could make one until the link is dead: the stock waits for that."""
    buyer = shop.buyer()
    order = _takes_the_last(shop, record, buyer, "tea-yunnan")
    Browser().open(buyer.open_payment(order["id"])["pay_url"])
    record.step("opens the payment page, does not log in, falls asleep")
    closed = _closes(shop, record, buyer, order, "tea-yunnan")
    waited = _time(closed["closed_at"]) >= _time(closed["pay_before"]) + _MARGIN
    record.expect(f"it closed {_MARGIN.seconds} s after the link was dead, or later", True, waited)


def pays_and_the_notify_is_lost(shop: Shop, record: Record) -> None:
    """Nothing comes from Alipay and the browser is closed: only a query can find the money."""
    buyer = shop.buyer()
    order = buyer.placed("pot-zisha")
    record_placed(shop, record, buyer, order)
    payment = buyer.open_payment(order["id"])
    shop.alipay.arm("notify_lost", out_trade_no=payment["out_trade_no"])
    record.step("Alipay's notify of this trade will be lost on its way")
    browser = at_the_cashier(record, buyer, payment)
    browser.press("pay")
    record.step("pays, and closes the browser before it comes back")
    expect_paid(shop, record, buyer, order["id"])
    lost = shop.alipay.notifies(payment["out_trade_no"], "lost")
    record.expect("notifies that were delivered", 0, sum(len(notify["attempts"]) for notify in lost))


def twenty_want_five(shop: Shop, record: Record) -> None:
    """One instant, one SKU: as many orders as units."""
    buyers = [shop.buyer() for _ in range(_CROWD)]
    record.step(f"{_CROWD} buyers order, at the same instant, the last {_UNITS} × {shop.title('cup-jian')}")
    answers = _at_once(buyers, lambda buyer: buyer.ask("cup-jian"))
    taken = [(buyer, answer) for buyer, answer in zip(buyers, answers, strict=True) if answer.status == 202]
    orders = [buyer.decided(answer.json()["id"]) for buyer, answer in taken]
    for order in orders:
        if "placed_at" in order:
            event = shop.events.wait(order["id"], "order.placed")
            record.event(event, f"#{order['id']}  buyer {event['data']['user_id']}")
    record.event(shop.events.wait("cup-jian", "stock.sold_out"), shop.title("cup-jian"))
    record.expect("orders that got one", _UNITS, sum("placed_at" in order for order in orders))
    at_the_door = [answer.json()["code"] for answer in answers if answer.status != 202]
    rejected = [order["reason"] for order in orders if order["status"] == "rejected"]
    record.expect("the others", f"{_CROWD - _UNITS} × out_of_stock", _counted([*at_the_door, *rejected]))
    record.expect("who comes now is refused at once", "409 out_of_stock", _refused_at_once(shop.buyer()))


def _refused_at_once(buyer: Buyer) -> str:
    """What he is told once the API has heard that none is left."""
    deadline = time.monotonic() + CLOSING_SECONDS
    while (answer := buyer.ask("cup-jian")).status == 202 and time.monotonic() < deadline:
        buyer.decided(answer.json()["id"])
    return f"{answer.status} {answer.json().get('code', '')}"


def clicks_twice(shop: Shop, record: Record) -> None:
    """Two requests with one key, at the same instant."""
    buyer, key = shop.buyer(), str(uuid.uuid4())
    answers = _at_once([buyer, buyer], lambda buyer: buyer.order("set-travel", key=key))
    record.step(f"{buyer} double-clicks on a {shop.title('set-travel')}: two POSTs, one Idempotency-Key")
    ids = {answer.json()["id"] for answer in answers}
    record.expect("orders in the answers", 1, len(ids))
    record.expect("answers that say replayed", 1, sum("Idempotent-Replayed" in answer.headers for answer in answers))
    order_id = min(ids)
    buyer.decided(order_id)
    record.event(shop.events.wait(order_id, "order.placed"), f"#{order_id}")
    record.expect("orders that the buyer has", 1, len(buyer.call("GET", "/v1/orders")["orders"]))


def forges_a_notify(shop: Shop, record: Record) -> None:
    """A stranger says that Alipay got the money: only Alipay's own key is believed."""
    buyer = shop.buyer()
    order = buyer.placed("mat-bamboo")
    record_placed(shop, record, buyer, order)
    payment = buyer.open_payment(order["id"])
    forged = shop.alipay.forged_notify(payment)
    record.step("a stranger posts TRADE_SUCCESS for it, signed with a key of his own")
    record.expect("the forged notify was answered", "failure", shop.notify(forged).decode())
    unsigned = {name: value for name, value in forged.items() if name != "sign"}
    record.expect("without any signature", "failure", shop.notify(unsigned).decode())
    record.expect("the order is still", "awaiting_payment", buyer.call("GET", f"/v1/orders/{order['id']}")["status"])
    record.expect("payments that succeeded", 0, len(shop.events.of(order["id"], "payment.succeeded")))
    cancelled = buyer.call("POST", f"/v1/orders/{order['id']}/cancel", {})
    record.event(shop.events.wait(order["id"], "order.closed"), f"#{order['id']}  the buyer cancels")
    record.expect("then", "closed, cancelled", f"{cancelled['status']}, {cancelled['reason']}")


def _takes_the_last(shop: Shop, record: Record, buyer: Buyer, sku_id: str) -> Json:
    order = buyer.placed(sku_id)
    record.event(shop.events.wait(sku_id, "stock.sold_out"), shop.title(sku_id))
    record_placed(shop, record, buyer, order)
    return order


def record_placed(shop: Shop, record: Record, buyer: Buyer, order: Json) -> None:
    what = ", ".join(f"{item['quantity']} × {item['title']}" for item in order["items"])
    event = shop.events.wait(order["id"], "order.placed")
    record.event(event, f"#{order['id']}  {buyer}, {what}, ¥{order['total_amount']}")


def at_the_cashier(record: Record, buyer: Buyer, payment: Json) -> Browser:
    browser = Browser()
    browser.open(payment["pay_url"])
    browser.open(browser.press("login"))
    record.step(f"{buyer} logs in at Alipay's cashier, ¥{payment['amount']}, …{payment['out_trade_no'][-6:]}")
    return browser


def expect_paid(shop: Shop, record: Record, buyer: Buyer, order_id: str) -> None:
    order = buyer.until(order_id, lambda order: order["status"] != "awaiting_payment", CLOSING_SECONDS, "the money")
    record.expect("the order is", "awaiting_shipment", order["status"])
    event = shop.events.wait(order_id, "payment.succeeded")
    record.event(event, f"¥{event['data']['amount']}, trade …{event['data']['trade_no'][-6:]}")
    record.event(shop.events.wait(order_id, "order.paid"), f"#{order_id}")


def _closes(shop: Shop, record: Record, buyer: Buyer, order: Json, sku_id: str) -> Json:
    closed = buyer.until(
        order["id"], lambda order: order["status"] == "closed", CLOSING_SECONDS, "its deadline to close it"
    )
    record.event(shop.events.wait(order["id"], "payment.closed"))
    record.event(shop.events.wait(order["id"], "order.closed"), f"#{order['id']}")
    sold_out = shop.events.wait(sku_id, "stock.sold_out")
    record.event(shop.events.wait(sku_id, "stock.restocked", after=sold_out["id"]), shop.title(sku_id))
    record.expect("the order closed because it", "expired", closed["reason"])
    record.expect("the last unit is for sale again", True, buyer.call("GET", f"/v1/skus/{sku_id}")["in_stock"])
    return closed


def _at_once(buyers: Sequence[Buyer], act: Callable[[Buyer], T]) -> list[T]:
    """Each buyer acts in a thread; all set out together."""
    start = Barrier(len(buyers), timeout=10)

    def run(buyer: Buyer) -> T:
        start.wait()
        return act(buyer)

    with ThreadPoolExecutor(len(buyers)) as crowd:
        return list(crowd.map(run, buyers))


def _goods(shop: Shop, quantities: dict[str, int]) -> str:
    return ", ".join(f"{quantity} × {shop.title(sku_id)}" for sku_id, quantity in quantities.items()) or word("nothing")


def _counted(things: Iterable[object]) -> str:
    return ", ".join(f"{count} × {thing}" for thing, count in Counter(things).items()) or word("none")


def _time(text: Any) -> datetime:
    return datetime.fromisoformat(text)
