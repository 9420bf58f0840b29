"""What `checkout stuck` says of each matter, and what a person can do."""

from __future__ import annotations

SENTENCES = {
    "{yuan} yuan came too late or twice for order {order}; {back} went back, {refunding} is on its way": (
        "订单 {order} 迟到或重复收到 {yuan} 元；已退 {back} 元，在途 {refunding} 元"
    ),
    "a refund of {yuan} yuan of order {order}: Alipay does not say whether it was made (try {tries})": (
        "订单 {order} 退款 {yuan} 元：支付宝没有说明是否已退（第 {tries} 次）"
    ),
    "a refund of {yuan} yuan of order {order} was refused: {why}": "订单 {order} 退款 {yuan} 元被拒：{why}",
    "Alipay did not say why": "支付宝没有说明原因",
    "a refund of {yuan} yuan of order {order} was tried {tries} times: {why}": (
        "订单 {order} 退款 {yuan} 元已试 {tries} 次：{why}"
    ),
    "a refund of {yuan} yuan of order {order} was due at {time}": "订单 {order} 退款 {yuan} 元应在 {time} 处理",
    "{kind} on the bill of {day}: ours {ours}, theirs {theirs}; {action}": (
        "{day} 的账单有差异（{kind}）：我方 {ours}，对方 {theirs}；{action}"
    ),
    "Alipay was asked {times} times and does not say whether {yuan} yuan were paid for order {order}": (
        "已向支付宝查询 {times} 次，仍不知订单 {order} 的 {yuan} 元是否已付"
    ),
    "order {order} cannot be placed: {why}": "订单 {order} 无法处理：{why}",
    "order {order} waits to be placed": "订单 {order} 等待处理",
    "nobody has looked at order {order}, which is {status}": "订单 {order}（{status}）没有人跟进",
    "nobody will ever ask about {yuan} yuan of order {order}": "不会再有人查询订单 {order} 的 {yuan} 元",
    "nobody will ever send a refund of {yuan} yuan of order {order}": "不会再有人发出订单 {order} 的 {yuan} 元退款",
    "what Alipay told of {yuan} yuan for order {order} is not applied": (
        "支付宝关于订单 {order} 的 {yuan} 元的通知尚未处理"
    ),
    "this and later events have not left": "此事件及之后的事件尚未发出",
    # What to do.
    "wait for its refund; see checkout payments show ID": "等它自动退回；见 checkout payments show ID",
    "it is asked about again; compare with Alipay's console when it lasts": (
        "系统会再次查询；久不明确时与支付宝后台核对"
    ),
    "mend what the error names, then checkout refunds create ID, or pay it back elsewhere": (
        "先解决错误所指的原因，再 checkout refunds create ID，或用别的方式退给买家"
    ),
    "see the error: the account's balance, the buyer's account": "看错误原因：账户余额、买家账户",
    "see that beat and the workers run (checkout doctor)": "确认定时任务与工作进程在运行（checkout doctor）",
    "do what it says, then checkout reconcile the day again": "按说明处理，然后用 checkout reconcile 重新对账",
    "see that Alipay answers (checkout doctor); the order's stock is held until then": (
        "确认支付宝有应答（checkout doctor）；在此之前库存一直占用"
    ),
    "mend what the error names, then checkout orders retry ID, or cancel it": (
        "解决错误所指的原因，然后 checkout orders retry ID，或取消它"
    ),
    "mend what the error names, or see the workers' logs; it is tried again, or cancel it": (
        "解决错误所指的原因，或看工作进程的日志；系统会重试，也可取消"
    ),
    "see that workers of the queue orders run (checkout doctor)": "确认 orders 队列的工作进程在运行（checkout doctor）",
    "somebody wrote into the tables: see checkout audit, and set when it is due": (
        "有人直接改了数据表：见 checkout audit，并设定何时到期"
    ),
    "see that the event broker answers and beat runs (checkout doctor)": (
        "确认事件的消息代理有应答、定时任务在运行（checkout doctor）"
    ),
    "find the trade in Alipay's console; refund it there if it is not the shop's": (
        "在支付宝后台查这笔交易；不属于本店则在后台退款"
    ),
    "compare with the trade in Alipay's console, and refund there what is wrong": (
        "与支付宝后台的交易核对，多出的在后台退款"
    ),
    "look both trades up in Alipay's console; refund there the one that pays for nothing": (
        "在支付宝后台查两笔交易，把不对应订单的一笔退款"
    ),
    "find the trade in Alipay's console: another database of this merchant account made it": (
        "在支付宝后台查这笔交易：它来自同一商户号的另一个数据库"
    ),
    "mend what Alipay names, or pay it back in its console; it is tried each hour": (
        "解决支付宝所指的原因，或在后台退款；系统每小时重试"
    ),
    "look at the day in Alipay's console; checkout reconcile the day again with --fetch-again": (
        "在支付宝后台看那一天；用 checkout reconcile --fetch-again 重新对账"
    ),
    "compare the trade with Alipay's console; its day was compared without it": (
        "与支付宝后台核对该笔交易；那一天的其余部分已对账"
    ),
    "mend what the error names; Alipay is asked about the attempt meanwhile": (
        "解决错误所指的原因；系统会继续向支付宝查询"
    ),
    "mend what the error names; the attempt is asked about again": "解决错误所指的原因；系统会再次查询",
    "ask Alipay's support: a signed answer spoke of something else; it is asked again": (
        "联系支付宝支持：签名的应答说的是另一件事；系统会再次查询"
    ),
    "look the trade up in Alipay's console: it was made there, and Alipay denies it": (
        "在支付宝后台查这笔交易：曾经建立，支付宝却否认"
    ),
    "see checkout webhooks show ID: mend the receiver, or remove it; the log keeps 30 days": (
        "见 checkout webhooks show ID：修好接收方，或移除它；事件保留 30 天"
    ),
    "see checkout webhooks show ID: mend the receiver, then checkout webhooks replay ID": (
        "见 checkout webhooks show ID：修好接收方，再 checkout webhooks replay ID"
    ),
    "the receiver wants nothing more: checkout webhooks remove ID, or replay ID when it does again": (
        "接收方不再接收：checkout webhooks remove ID；恢复时 replay ID"
    ),
    "see CHECKOUT_ALIPAY_APP_ID and CHECKOUT_ALIPAY_SELLER_ID, and who uses this address": (
        "检查 CHECKOUT_ALIPAY_APP_ID 与 CHECKOUT_ALIPAY_SELLER_ID，以及谁在用这个地址"
    ),
    # Where the bill differs.
    "ask Alipay for the trade; if it was never paid, stop the delivery": "向支付宝查这笔交易；从未付款则停止发货",
    "find out who sold it; if nobody of the shop did, refund it in Alipay's console": (
        "查明是谁卖的；店里无人卖过则在支付宝后台退款"
    ),
    "compare with the trade in Alipay's console, and settle the difference with the buyer": (
        "与支付宝后台的交易核对，差额与买家了结"
    ),
    "ask Alipay for the trade, and reconcile the day again when it answers": "向支付宝查这笔交易，有应答后重新对账",
    "ask Alipay for the refund; if it was never made, refund again": "向支付宝查这笔退款；从未退过则再退",
    "find out who refunded it in Alipay's console": "查明是谁在支付宝后台退的款",
    "compare with the refunds of the trade in Alipay's console": "与支付宝后台该交易的退款核对",
    "wait until the refund is confirmed, and reconcile the day again": "等退款得到确认，再重新对账",
}
