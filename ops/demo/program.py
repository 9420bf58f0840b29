"""What the demo plays: stories over HTTP, each with people of its own, all but the last at the same time."""

from __future__ import annotations

from ops.demo.goods import sends_a_parcel_and_takes_a_line_back, wants_more_than_his_share
from ops.demo.leaving import closes_the_books, tells_a_warehouse_that_was_away
from ops.demo.stories import (
    Story,
    buys_what_is_in_the_cart,
    clicks_twice,
    forges_a_notify,
    leaves_the_cashier,
    never_opens_the_payment,
    opens_the_page_and_sleeps,
    pays_and_the_notify_is_lost,
    twenty_want_five,
)

STORIES = (
    Story("From the cart to the money", buys_what_is_in_the_cart, ("api", "orders", "alipay-gateway")),
    Story("Twenty buyers, five units", twenty_want_five, ("api", "orders")),
    Story("A quote, and a limit", wants_more_than_his_share, ("api", "orders")),
    Story("A parcel, and a line that comes back", sends_a_parcel_and_takes_a_line_back, ("api", "orders", "refunds")),
    Story("A double click", clicks_twice, ("api", "orders")),
    Story("A forged notify", forges_a_notify, ("api", "orders")),
    Story("A lost notify", pays_and_the_notify_is_lost, ("alipay", "alipay-gateway", "beat")),
    Story("Never paid: the payment was never opened", never_opens_the_payment, ("default", "beat")),
    Story("Never paid: the buyer left the cashier", leaves_the_cashier, ("alipay", "default", "beat")),
    Story("A warehouse that was away", tells_a_warehouse_that_was_away, ("webhooks", "default", "beat")),
    Story("Never paid: the page was opened, no more", opens_the_page_and_sleeps, ("alipay", "default", "beat")),
    Story("The books of the day", closes_the_books, ("alipay", "alipay-gateway"), last=True),
)
