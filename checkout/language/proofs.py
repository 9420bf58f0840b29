"""The invariants in words, as `checkout audit` proves them."""

from __future__ import annotations

SENTENCES = {
    "no SKU's stock is negative": "没有 SKU 的库存为负",
    "stock = its adjustments - the units that orders hold, or that are out": (
        "库存 = 各次调整之和 − 订单占用或已发出的件数"
    ),
    "a SKU's sales = the units that orders hold, or that are out": "SKU 销量 = 订单占用或已发出的件数",
    "an SPU's sales = the units that orders hold, or that are out": "SPU 销量 = 订单占用或已发出的件数",
    "no stock went back while an attempt could still succeed": "付款仍可能成功时没有退回库存",
    "a closed order holds stock only while an attempt could still succeed": "已关闭的订单只在付款仍可能成功时占用库存",
    "every closed attempt has the evidence that it can bring no money": "每次关闭的付款都有「不可能再到账」的证据",
    "within the days that keys are remembered, each made one order": "在记住幂等键的日子里，每个键只有一笔订单",
    "each key has its order, and each order of the last 7 days its one key": (
        "每个键有它的订单，最近 7 天每笔订单有唯一的键"
    ),
    "exactly the accepted orders wait to be placed": "等待处理的恰好是已接收的订单",
    "no order waits longer than 60 s to be placed while workers run, but for those that are parked": (
        "工作进程运行时，除搁置的以外，没有订单等待超过 60 秒"
    ),
    "a placed order has the lines that were asked for, any other has none": "成交的订单有所要的明细，其他订单没有明细",
    "goods and discount = the lines', total = goods - discount + freight": (
        "商品金额与优惠等于明细之和，合计 = 商品 − 优惠 + 运费"
    ),
    "a user's count of orders that hold stock unpaid is what they are": "每个用户未付款而占用库存的订单数属实",
    "an order's status, reason and stock agree with its times": "订单的状态、原因、库存与各时间一致",
    "nothing of an order happened before what it follows from": "订单的每一步都不早于它的前因",
    "exactly closed orders, and unpaid ones after their time, have begun to close": (
        "开始关闭的恰好是已关闭的和超时未付的订单"
    ),
    "exactly placed Alipay orders have a time to pay: whole seconds, at most 15 days after they were placed": (
        "有付款期限的恰好是成交的支付宝订单：整秒，成交后至多 15 天"
    ),
    "all units of a closed order went back or have left, and those of a living one are held or have left": (
        "关闭订单的商品都已退回或发出，其他订单的都被占用或已发出"
    ),
    "an attempt's status agrees with its times and its money": "付款的状态与它的时间和金额一致",
    "an attempt in a buyer's hands is believed payable beyond its order's time, by its method's minimum at most": (
        "买家手中的付款被视为可付的时间，最多超出订单期限该方式的最短时间"
    ),
    "an order was paid in the moment in which its money was kept": "订单付款的时刻就是钱被收下的时刻",
    "a refund's status agrees with its times, and its reason with what became of the money": (
        "退款的状态与时间一致，原因与钱的去向一致"
    ),
    "each attempt collects its order's total, and each Alipay order that was placed has one": (
        "每次付款收取订单的合计，成交的支付宝订单都有付款"
    ),
    "refunded and being refunded are the sums of the refunds, and no more than was paid": (
        "已退与在退的金额等于各笔退款之和，且不超过已付"
    ),
    "at most one attempt of an order is kept, and it was paid in full": "每笔订单至多收下一次付款，且是足额的",
    "exactly the paid orders have an attempt that was kept": "有收下的付款的恰好是已付款的订单",
    "money that was not kept is refunded or being refunded, all of it": "没有收下的钱都已退回或正在退回",
    "exactly the orders whose kept money went back in full, or all of whose units did, are closed as refunded": (
        "以退款关闭的恰好是钱全部退回或商品全部退回的订单"
    ),
    "an out_trade_no names its day, its order and its attempt, and attempts are numbered from 1": (
        "商户单号含日期、订单和付款序号，序号从 1 开始"
    ),
    "no trade of Alipay pays for two attempts": "没有一笔支付宝交易付了两次付款",
    "an out_request_no is its attempt's out_trade_no, R and a number": "退款请求号是商户单号加 R 和序号",
    "the digest of a key is made of its user and its text, and it stands in the day of its order": (
        "幂等键的摘要由用户和文本得出，且在订单那一天"
    ),
    "the digest of a refund's key is made of its order and its text": "退款键的摘要由订单和文本得出",
    "of a line no more units are somewhere than were bought, and none is in two places": (
        "每行商品的件数不多于所买，也不同时在两处"
    ),
    "an order's mark says where the units are of which its lines say nothing": (
        "明细没有说明的商品，由订单的标记说明去向"
    ),
    "what has left of a line is what its parcels hold; what older code shipped is in none, and left as a whole": (
        "每行已发出的等于包裹里的；旧版本发出的不在包裹里，且是整单发出"
    ),
    "an order awaits shipment only while a unit can be shipped, or none is out and money is on its way back": (
        "待发货的订单总有商品可发，或者一件未发而钱正在退回"
    ),
    "units refunded, being refunded, set aside and for sale again are those of the refunds by line": (
        "已退、在退、搁置、重新可售的件数等于按行退款的件数"
    ),
    "a unit's share is its line's amount by the units in whole fen, and the last one takes the rest": (
        "每件的份额是该行金额按件数分到整分，最后一件得余数"
    ),
    "a refund by line is of its lines and the freight, which goes back once": "按行退款由明细和运费组成，运费只退一次",
    "what counts against a user's limit of a SKU is what his orders hold or took since it was set": (
        "计入限购的是设限以来该用户订单占用或买走的件数"
    ),
    "a SKU that has a limit knows since which time it counts, and no line counts under a later one": (
        "限购的 SKU 记着从何时计数，没有明细计入更晚的限购"
    ),
    "a shipped order has a time from which it completes by itself; no parcel of it is newer": (
        "已发货的订单有自动完成的起点，没有更新的包裹"
    ),
    "every open attempt is due, within the longest step between two questions or with its order's time": (
        "每次未完的付款都有下次查询时间，不超过最长间隔或订单期限"
    ),
    "an order that waits for money is looked at when its time is over, and no final attempt of others is": (
        "待付款的订单到期时会被处理，别的订单已定的付款不会"
    ),
    "an order that closes waits for an open attempt; without any it is closed": (
        "正在关闭的订单在等未完的付款；没有的就已关闭"
    ),
    "exactly the refunds that have not ended are tried again, within an hour and some": (
        "会重试的恰好是未结束的退款，间隔一小时左右"
    ),
    "no notify of money is marked as applied while its attempt is not paid": "付款未付时没有到账通知被标为已处理",
    "what the relay takes for sent has been sent, and nobody holds its lease for long": (
        "转发器认为已发的都已发出，没有人长期占着它的租约"
    ),
    "no id is drawn twice": "没有编号重复",
    "only carts of placed orders that came from one wait to be cleared, each for its owner": (
        "等待清空的只有来自购物车的成交订单，各属其主"
    ),
    "a bill that was read has all its lines": "读过的账单行数完整",
    "placing, rejecting, paying, shipping, completing, closing and reinstating each have their one event": (
        "成交、拒绝、付款、发货、完成、关闭、恢复各有且只有一个事件"
    ),
    "every attempt's creation, success and closing has its one event": "每次付款的建立、成功、关闭各有一个事件",
    "every refund's request and end has its one event; an external one is only told when it is done": (
        "每笔退款的发起与结束各有一个事件；外部退款只在完成时有"
    ),
    "a SKU's last event has the sequence that the SKU counts": "SKU 最后一个事件的序号等于 SKU 的计数",
    "the log tells each subject's events in a growing sequence, none twice": "日志里每个对象的事件序号递增，没有重复",
    "no event is newer than its order's version": "没有事件新于订单的版本",
    "what an event says of its order, attempt or refund is what stands there": "事件所说与订单、付款、退款的记录一致",
    "a SKU's events are numbered without a gap, and what came back had sold out before": (
        "SKU 的事件序号连续，重新有货的先前售罄过"
    ),
    "the last event about an order's course leads to what it is now": "订单的最后一个事件通向它现在的状态",
    "what was erased had ended, and no attempt could bring money any more": "被抹除的订单都已结束，不可能再到账",
    "neither an erased order nor its attempts nor their notifies say for whom it was": (
        "抹除的订单、付款和通知都不再说明属于谁"
    ),
    "what the walk over a user's orders has passed is erased, or will be": "逐单抹除走过的订单都已抹除或将会抹除",
    "a notify without its buyer still says what was applied": "抹去买家的通知仍说明处理了什么",
    "no endpoint's place lies beyond the log, and no lease is held for long": (
        "没有 webhook 的位置超出日志，没有租约被长期占用"
    ),
    "a subject that was set aside waits for an event that was drawn, and will be tried again": (
        "被搁置的对象在等一个已取出的事件，并会重试"
    ),
}
