"""Why something that was asked for cannot be done."""

from __future__ import annotations

SENTENCES = {
    # The database and the brokers.
    "the broker does not answer: {why}": "消息代理没有应答：{why}",
    "the database does not answer: {why}": "数据库没有应答：{why}",
    "the database refuses: {why}": "数据库拒绝：{why}",
    "the database lacks our schema ({why}): run `checkout migrate` on an empty one": (
        "数据库里没有我们的数据表（{why}）：在空数据库上运行 `checkout migrate`"
    ),
    "the database has no connection left for us: {why}; raise the limit that it names": (
        "数据库没有多余的连接：{why}；请调高它所说的上限"
    ),
    "the connection sat idle, and is gone": "连接闲置太久，已断开",
    "an earlier statement of this transaction has failed": "这个事务里先前的语句已失败",
    "the broker does not confirm": "消息代理没有确认",
    "not all were confirmed": "没有全部得到确认",
    "our tables are not there: run checkout migrate on an empty database": (
        "没有我们的数据表：在空数据库上运行 checkout migrate"
    ),
    "its schema is number {found}, and this code needs {needed}: run checkout migrate": (
        "它的数据表是第 {found} 版，本程序需要第 {needed} 版：运行 checkout migrate"
    ),
    "its schema is number {found}, for code that knows {oldest} or more": (
        "它的数据表是第 {found} 版，需要认识第 {oldest} 版以上的程序"
    ),
    "{needed}, and this code knows {known}: install the newer one": (
        "{needed}，而本程序只认识第 {known} 版：请安装新版本"
    ),
    "processes of older code may still run: end them, then run checkout migrate --finish": (
        "旧版本的进程可能还在运行：先结束它们，再运行 checkout migrate --finish"
    ),
    "{file} is no name of a migration": "{file} 不是迁移文件名",
    "the database has tables already ({tables}, …); name an empty one": (
        "数据库里已有别的数据表（{tables}……）；请指定空数据库"
    ),
    "the schema is not this code's yet: run checkout migrate first": "数据表还不是本版本的：先运行 checkout migrate",
    "sessions of older code are there: {names}; end those processes first": "还有旧版本的会话：{names}；先结束那些进程",
    "a migration needs a session: name PostgreSQL itself, not the pooler before it": (
        "迁移需要完整的会话：请写 PostgreSQL 自己的地址，不要写连接池"
    ),
    "another checkout migrate is at work on this database": "另一个 checkout migrate 正在处理这个数据库",
    "a table that the step needs is never free: end what holds it, then go on": (
        "这一步需要的表一直被占用：结束占用者，再继续"
    ),
    # Orders.
    "there is no order {order}": "没有订单 {order}",
    "the order is {status}": "订单状态是 {status}",
    "a part of the order has left": "订单的一部分已经发出",
    "all of its money is on its way back": "它的钱正全部退回",
    "an order has {most} parcels at most": "一笔订单最多 {most} 个包裹",
    "nothing is left to ship": "没有可发的商品了",
    "order {order} has no parcel {n}": "订单 {order} 没有第 {n} 个包裹",
    "{left} of SKU {sku} are left to ship": "SKU {sku} 还剩 {left} 件可发",
    "order {order} does not wait to be placed": "订单 {order} 不在等待处理",
    # Payments and refunds.
    "there is no payment {payment}": "没有付款 {payment}",
    "nothing was paid for these units: refund them together with others": "这些商品没有付钱：请与其他商品一起退",
    "the freight is refunded already": "运费已经退过",
    "{left} of SKU {sku} are left to refund": "SKU {sku} 还剩 {left} 件可退",
    "nothing was paid for the order": "这笔订单没有付过钱",
    "{left} is left of what was paid": "已付金额还剩 {left} 元",
    "there is no refund {id}": "没有退款 {id}",
    "the key came with another change of this stock before": "这个幂等键已用于此库存的另一次改动",
    "the key came with another refund before": "这个幂等键已用于另一笔退款",
    # Goods.
    "there is no SKU {sku}": "没有 SKU {sku}",
    "{units} units are there; the stock cannot become {wanted}": "现有 {units} 件；库存不能变成 {wanted}",
    "at most {most} SKUs": "最多 {most} 个 SKU",
    "the file is text of no encoding that spreadsheets write: save it as CSV UTF-8": (
        "无法识别文件的编码：请另存为 CSV UTF-8"
    ),
    "a list of items is expected": "需要商品列表",
    "line 1: the header names the columns {columns}; {said}": "第 1 行：表头应有列 {columns}；{said}",
    "the file is not JSON: {why}": "文件不是 JSON：{why}",
    "line {number}: {why}": "第 {number} 行：{why}",
    "the file is larger than {most} bytes": "文件超过 {most} 字节",
    # Prices.
    "{wrong}: {file} cannot be read ({why})": "{wrong}：无法读取 {file}（{why}）",
    "CHECKOUT_FREIGHT_RULES is wrong": "CHECKOUT_FREIGHT_RULES 不对",
    "CHECKOUT_PRICING is wrong: name package.module:function of a package that Python finds": (
        "CHECKOUT_PRICING 不对：写成 package.module:function，且 Python 能找到该包"
    ),
    "{cure} ({name} is none)": "{cure}（{name} 不是）",
    "{region} is no region of China, like 新疆 or 广东省 深圳市, nor {others} for all others": (
        "{region} 不是中国的地区（如 新疆、广东省 深圳市），也不是表示其余地区的 {others}"
    ),
    "further_weight_g: a further fee needs a further weight": "further_weight_g：有续重费就要有续重",
    "{region} stands there already": "{region} 已经写过",
    "{name}: {value} is not yuan, like 12.00": "{name}：{value} 不是金额（元），如 12.00",
    "the pricing function did not answer (discounts, freight)": "价格函数没有返回 (discounts, freight)",
    "the pricing function did not answer one discount for each line": "价格函数没有为每一行返回一个优惠",
    "the pricing function's freight is neither fen nor None": "价格函数返回的运费既不是分也不是 None",
    "the pricing function raised {error}": "价格函数抛出了 {error}",
    "the pricing function's discount of SKU {sku} is not fen from 0 to its amount": (
        "价格函数给 SKU {sku} 的优惠不在 0 到该行金额（分）之间"
    ),
    "the pricing function leaves nothing to pay": "价格函数使应付金额为零",
    # What is stuck, and webhooks.
    "there is no {kind} about {subject}": "没有关于 {subject} 的 {kind}",
    "there is no webhook {id}": "没有 webhook {id}",
    "there are {most} webhooks; remove one first": "已有 {most} 个 webhook；请先移除一个",
    "1 to {most} topics are expected": "需要 1 到 {most} 个主题",
    "an address is expected without a user, a fragment or special characters": "地址里不能有用户名、片段或特殊字符",
    "https is needed": "需要 https",
    "no event fits {pattern}; see docs/events.md": "没有事件符合 {pattern}；见 docs/events.md",
    "the address cannot be read": "地址无法识别",
    "that is no name of a host": "那不是主机名",
    "{host} is {address}, which is no public address": "{host} 是 {address}，不是公网地址",
}
