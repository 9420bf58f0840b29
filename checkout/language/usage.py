"""What `--help` says, sentence by sentence."""

from __future__ import annotations

SENTENCES = {
    "Show the version and exit.": "显示版本并退出。",
    "Show this message and exit.": "显示本帮助并退出。",
    "default: {value}": "默认：{value}",
    "env var: {name}": "环境变量：{name}",
    "required": "必填",
    "all that is left": "剩下的全部",
    "a fresh one": "新的一个",
    "the standard output": "标准输出",
    "Print JSON for programs.": "输出供程序读取的 JSON。",
    "Where `checkout up` keeps its addresses and secrets; CHECKOUT_* in the environment wins.": (
        "`checkout up` 存放地址和密钥的目录；环境变量 CHECKOUT_* 优先。"
    ),
    "Orders without oversell, every yuan followed through Alipay.": "绝不超卖，每一分钱都在支付宝里跟到底。",
    "Start the whole stack on this machine, until Ctrl-C.": "在本机启动整套系统，直到 Ctrl-C。",
    "Of the API: who may reach it.": "API 监听的地址：谁能访问。",
    "Of the API.": "API 的端口。",
    "Of Flower.": "Flower 的端口。",
    "Of the local Alipay gateway.": "本地支付宝网关的端口。",
    "How long an order can be paid.": "订单可以付款多久。",
    "Divides the times of the Alipay side, never the pay window.": "把支付宝一侧的时间除以此数，付款时限除外。",
    "Show what the services log.": "显示各服务的日志。",
    "Drive real orders through a whole stack.": "在整套系统里走完真实订单。",
    "It is started for that, audited, and stopped.": "为此启动、对账，然后停止。",
    "Keep the stack's data here, instead of a directory that goes away.": "数据保存在这里，而不是临时目录。",
    "Leave the stack running at the end, until Ctrl-C.": "结束后继续运行，直到 Ctrl-C。",
    "Print a bearer token for the API.": "打印 API 的令牌。",
    "The user's id.": "用户编号。",
    "Let the bearer make an operator's calls.": "允许持有者进行运营操作。",
    "How long the token holds.": "令牌有效多久。",
    "Bring the database to this version's schema.": "把数据库升到本版本的数据表。",
    "An empty one gets it whole, an older one is brought there while it serves; interrupted, it goes on where it "
    "was.": ("空库直接建好，旧库边服务边升级；中断后从原处继续。"),
    "When all processes are of this version, --finish ends the upgrade.": (
        "所有进程都是本版本时，用 --finish 结束升级。"
    ),
    "No older process runs any more: allow what it would get wrong.": "已没有旧版本的进程：允许旧版本会弄错的事。",
    "What is sold.": "卖什么。",
    "Load SKUs from FILE, a .csv with a header or a .json list.": "从 FILE 导入 SKU：带表头的 .csv 或 .json 列表。",
    "Its members are sku_id, spu_id, title, price (yuan), stock and on_sale, and as one likes weight_g and "
    "limit_per_user (0: none).": (
        "列为 sku_id、spu_id、title、price（元）、stock、on_sale，可选 weight_g 和 limit_per_user（0 为不限）。"
    ),
    "Loading again updates all but the stock of SKUs that are known; weight and limit only where they stand there.": (
        "再次导入会更新已有 SKU 除库存以外的全部；重量和限购只在写出时更新。"
    ),
    "A CSV may be as Excel writes it: UTF-8 or GBK, with commas or semicolons.": (
        "CSV 可以是 Excel 保存的：UTF-8 或 GBK，逗号或分号。"
    ),
    "Nothing is loaded when a line is wrong; when loading is interrupted it can be begun again.": (
        "有一行不对就什么都不导入；中断后可以重来。"
    ),
    "How many units can be sold; each change is written down.": "可售多少件；每次改动都有记录。",
    "Make N units of SKU sellable.": "把 SKU 的可售件数设为 N。",
    "Add N sellable units of SKU; a negative N takes some away.": "给 SKU 增加 N 件；N 为负则减少。",
    "Look at orders, send, cancel, or have them tried again.": "查看、发货、取消或重试订单。",
    "List orders, newest first.": "列出订单，新的在前。",
    "Everybody's, or by what is known of them.": "所有人的，或按已知条件查找。",
    "Only this user's.": "只看这个用户的。",
    "Only orders with this status.": "只看这个状态的。",
    "Only those with this number of the shop's own.": "只看商店自己的这个单号。",
    "Only the one with this attempt.": "只看这个商户单号所属的订单。",
    "Only the one that this trade of Alipay's is about.": "只看这笔支付宝交易所属的订单。",
    "How many at the most.": "最多多少。",
    "Show one order.": "查看一笔订单。",
    "With its lines, payments, refunds and parcels, and its history.": "包括明细、付款、退款、包裹和经过。",
    "Cancel an order that is not paid.": "取消未付款的订单。",
    "Its stock returns when no payment can succeed any more.": "确定不会再付款成功后退回库存。",
    "Send a parcel of an order that is paid for.": "给已付款的订单发一个包裹。",
    "Who carries the parcel.": "承运人。",
    "Its tracking number.": "运单号。",
    "SKU=N; may be repeated.": "SKU=N，可重复。",
    "Have parked orders placed again.": "重试搁置的订单。",
    "All that are parked, or wait for their next try alone.": "所有搁置的，和等待单独重试的。",
    "Show everything that is known of an order, in the order of time.": "按时间显示一笔订单的全部经过。",
    "Export orders, their money and its sums.": "导出订单、款项和合计。",
    "Each with its lines, payments and refunds; the sums are those of Alipay's bills.": (
        "各含明细、付款和退款；合计与支付宝账单口径一致。"
    ),
    "Lines belong to the day on which the order was placed, money to the day on whose bill it is.": (
        "明细归成交那天，款项归所在账单那天。"
    ),
    "All of it is read in one snapshot.": "全部取自同一个快照。",
    "Nobody's name or address is part of it.": "不含任何人的姓名或地址。",
    "The first day, in Beijing.": "第一天（北京时间）。",
    "The last day, which is included.": "最后一天，包含在内。",
    "What is written.": "输出格式。",
    "Where to.": "写到哪里。",
    "Look at attempts to collect.": "查看付款。",
    "Show one attempt, such as 17-1, with its refunds.": "查看一次付款（如 17-1）和它的退款。",
    "Give money back, and look at what went.": "退款，查看退款。",
    "List what went back, or will, of the order ID.": "列出订单 ID 已退或将退的钱。",
    "Refund a part of what was kept for the order ID, or units of it.": "退还订单 ID 收下的一部分钱，或其中的商品。",
    "In yuan, such as 1.00.": "金额（元），如 1.00。",
    "SKU=N instead; may be repeated.": "改为按商品 SKU=N，可重复。",
    "The freight goes back, too.": "运费也退。",
    "Units that had left have come back, and are for sale again.": "发出的商品已退回，可以再卖。",
    "Shown to the buyer.": "给买家看的原因。",
    "An idempotency key; the same key again is the same refund.": "幂等键；同一个键就是同一笔退款。",
    "An idempotency key; the same key again changes nothing more.": "幂等键；同一个键不会再次改动。",
    "Compare a day with Alipay's bill.": "与支付宝某一天的账单对账。",
    "A day is written like 2026-11-22, in Beijing; status 1 when the books differ.": (
        "日期写成 2026-11-22（北京时间）；不一致时退出码为 1。"
    ),
    "Money that Alipay confirms and we did not hear of is taken in.": "支付宝确认而我们不知道的钱会入账。",
    "What happened near midnight is held until the bill of the other day is there.": (
        "午夜前后的，等另一天的账单到了再定。"
    ),
    "Download the bill although it is kept already.": "即使已有也重新下载账单。",
    "Follow the events as JSON lines.": "以 JSON 行跟踪事件。",
    "Print events as they come.": "实时打印事件。",
    "Until Ctrl-C; without --queue from now on only.": "直到 Ctrl-C；不带 --queue 则只有从现在起的。",
    "A durable subscriber of that name: while nobody tails it, its events wait.": (
        "以此命名的持久订阅者：没人看时事件会等着。"
    ),
    "Such as 'payment.#'.": "如 'payment.#'。",
    "Print what the log holds behind an event, as far as it was sent.": "打印日志里某个事件之后已发出的事件。",
    "The id of the last event that was seen.": "看过的最后一个事件的编号。",
    "Delete the durable subscriber NAME with all that waits for it.": "删除持久订阅者 NAME 和等待它的全部事件。",
    "Send events by HTTP, as Standard Webhooks has it.": "按 Standard Webhooks 通过 HTTP 发送事件。",
    "Send events to a URL from now on.": "从现在起向 URL 发送事件。",
    "Prints the secret that signs them, once.": "打印签名密钥，只此一次。",
    "Such as order.*; may be repeated.": "如 order.*，可重复。",
    "Send what the log has after that event, too.": "日志里该事件之后的也发送。",
    "It may lie on this machine or in a private network, and without TLS.": "允许在本机或内网，且不用 TLS。",
    "Change the URL or the topics.": "更改 URL 或主题。",
    "The secret and what waits stay; what waits is tried at once.": "密钥和等待的事件都保留；等待的立即重试。",
    "Where it is from now on.": "从现在起的地址。",
    "List the endpoints, and what they answered last.": "列出接收方和它们最近的应答。",
    "Show what waits, and what was answered.": "显示等待的和应答过的。",
    "Subjects wait behind an event that was refused.": "同一对象的事件排在被拒的事件之后。",
    "Send a message that is no event.": "发送一条不是事件的消息。",
    "Prints the answer; status 1 when it is not taken.": "打印应答；没有被接收时退出码为 1。",
    "Try at once what waits.": "立即重试等待的。",
    "With --after, send again what was sent before.": "带 --after 则重发已发过的。",
    "Send again what the log has after that event.": "重发日志里该事件之后的。",
    "Print a new secret; for a day the former one signs as well.": "打印新密钥；旧密钥还有一天有效。",
    "Send nothing more there.": "不再向那里发送。",
    "What concerns one user.": "关于一个用户。",
    "Erase a user from his orders.": "从订单里抹去一个用户。",
    "Nobody knows any more for whom the orders of the user ID were, or will be.": (
        "不再有人知道用户 ID 的订单属于谁，将来也是。"
    ),
    "The wish is kept, and applied to each of his orders at its end.": "这一要求会保存，并在他每笔订单结束时执行。",
    "Books, notifies and bills keep numbers, times and amounts.": "账目、通知和账单保留编号、时间和金额。",
    "Orders that have ended are erased at once, the stored bills within a minute.": (
        "已结束的订单立即抹除，保存的账单一分钟内抹除。"
    ),
    "List the money and the orders that need a person, money first.": "列出需要人处理的钱和订单，钱在前。",
    "Only matters of this kind.": "只看这一类。",
    "Which {count} of them.": "第几页，每页 {count} 件。",
    "Close a matter that a person has settled.": "了结一件已由人处理的事。",
    "It comes back only when it begins anew.": "只有重新发生时才会再出现。",
    "How it was settled.": "怎样处理的。",
    "Prove the invariants.": "证明各项不变量。",
    "All in one read-only snapshot; status 1 when one is broken.": "全部在一个只读快照里；有一项不成立时退出码为 1。",
    "What a whole one found is kept for `checkout doctor` and the alerts.": (
        "完整的一次所得结果会保存下来，供 `checkout doctor` 和告警使用。"
    ),
    "Only orders accepted from then on, such as 2026-11-22T08:00:00Z.": "只看此后接收的订单，如 2026-11-22T08:00:00Z。",
    "Write the result there, too, as node_exporter's textfile collector reads it.": (
        "结果也写到那里，供 node_exporter 的 textfile 收集器读取。"
    ),
    "Check each part of the shop; status 1 when one fails.": "检查各个部分；有一项失败时退出码为 1。",
}
