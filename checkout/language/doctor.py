"""What `checkout doctor` says."""

from __future__ import annotations

SENTENCES = {
    "all settings are there and well-formed": "所有设置齐全，格式正确",
    "no answer within {seconds} s: {cure}": "{seconds} 秒内没有应答：{cure}",
    "the check itself ended by {error}: report it": "检查本身因 {error} 中断：请报告",
    "see CHECKOUT_ALIPAY_GATEWAY_URL, and the network": "检查 CHECKOUT_ALIPAY_GATEWAY_URL 和网络",
    "see CHECKOUT_JWKS, and the network": "检查 CHECKOUT_JWKS 和网络",
    "see CHECKOUT_DATABASE_URL, and the network": "检查 CHECKOUT_DATABASE_URL 和网络",
    "see CHECKOUT_REDIS_URL, and the network": "检查 CHECKOUT_REDIS_URL 和网络",
    "see what hangs there (a RabbitMQ with a memory or disk alarm takes nothing)": (
        "看那里卡在什么地方（RabbitMQ 有内存或磁盘告警时什么都不收）"
    ),
    # Alipay.
    "upload the public half of CHECKOUT_ALIPAY_PRIVATE_KEY_FILE to Alipay's console": (
        "把 CHECKOUT_ALIPAY_PRIVATE_KEY_FILE 对应的公钥上传到支付宝后台"
    ),
    "mend CHECKOUT_ALIPAY_APP_ID, or CHECKOUT_ALIPAY_GATEWAY_URL: the sandbox has its own apps": (
        "改正 CHECKOUT_ALIPAY_APP_ID 或 CHECKOUT_ALIPAY_GATEWAY_URL：沙箱有自己的应用"
    ),
    "let NTP set this machine's clock": "用 NTP 校准本机时钟",
    "sign the contract for this product in Alipay's console": "在支付宝后台签约这个产品",
    "{bits} bits are few: make a pair of {fewest} for Alipay": "{bits} 位太短：请为支付宝生成 {fewest} 位的密钥对",
    "{mode}: RSA of {bits} bits signs and verifies": "{mode}：{bits} 位 RSA 能签名也能验签",
    "certificate mode": "证书模式",
    "key mode": "密钥模式",
    "{few} ({mode})": "{few}（{mode}）",
    "they hold: {seen}": "有效：{seen}",
    "{name} {days} days": "{name} 还剩 {days} 天",
    "{name} ended {days} days ago": "{name} 已过期 {days} 天",
    "one is over ({seen}): get a new one from Alipay's console": "有证书已过期（{seen}）：到支付宝后台换新证书",
    "one ends soon ({seen}): get a new one from Alipay's console": "有证书快到期（{seen}）：到支付宝后台换新证书",
    "it knows us, and we know it": "彼此认识：签名、应用和时钟都对",
    "it knows a trade that cannot be": "它说有一笔不可能存在的交易",
    "see the code in Alipay's documentation": "在支付宝文档里查这个错误码",
    "CHECKOUT_ALIPAY_PUBLIC_KEY_FILE must hold Alipay's own public key, from its console": (
        "CHECKOUT_ALIPAY_PUBLIC_KEY_FILE 必须是支付宝公钥（从支付宝后台取得）"
    ),
    "not asked: Alipay does not answer, or too many ask": "没有去问：支付宝没有应答，或者同时问的太多",
    "Alipay's answer does not fit what was asked: {fault}": "支付宝的应答与所问不符：{fault}",
    "Alipay's answer is not signed ({code})": "支付宝的应答没有签名（{code}）",
    # Beat and the workers.
    "it rings": "正常敲钟",
    "it does not ring: start celery -A tasks.app beat": "没有敲钟：启动 celery -A tasks.app beat",
    "it cannot be seen without the database": "没有数据库就看不到它",
    "nobody serves {queues}: start celery -A tasks.app worker -Q {queues}": (
        "没有进程处理 {queues}：启动 celery -A tasks.app worker -Q {queues}"
    ),
    "nobody can be asked ({error}): see the broker": "无法询问工作进程（{error}）：看消息代理",
    # The database.
    "start it, or mend CHECKOUT_DATABASE_URL": "启动它，或改正 CHECKOUT_DATABASE_URL",
    "it answers too slowly: see the line locks, then docs/runbook.md#the-database-is-away-or-slow": (
        "应答太慢：先看 locks 一行，再看 docs/runbook.md#the-database-is-away-or-slow"
    ),
    "free space on its disk (logs, dumps, older backups), see docs/runbook.md#the-disk-is-full": (
        "磁盘已满：腾出空间（日志、转储、旧备份），见 docs/runbook.md#the-disk-is-full"
    ),
    "the database's is {seconds} s before this machine's": "数据库的时钟比本机快 {seconds} 秒",
    "the database's is {seconds} s behind this machine's": "数据库的时钟比本机慢 {seconds} 秒",
    "{seen}: let NTP set both": "{seen}：用 NTP 校准两边",
    "tomorrow has no partitions yet: see that beat and the workers run": (
        "明天的分区还没有：确认定时任务和工作进程在运行"
    ),
    "an upgrade is not finished: end older processes, then checkout migrate --finish": (
        "升级没有完成：结束旧版本的进程，再运行 checkout migrate --finish"
    ),
    "our tables are there, and tomorrow's partitions": "数据表齐全，明天的分区已备好",
    "no event has waited longer than 10 s to be sent": "没有事件等待超过 10 秒",
    "events have waited for {seconds} s: {cure}": "事件已等待 {seconds} 秒：{cure}",
    "see that beat, the workers of the queue default and the event broker run": (
        "确认定时任务、default 队列的工作进程和事件的消息代理在运行"
    ),
    "each makes its rounds": "各循环都在运转",
    "{loop} for {seconds} s": "{loop} 已 {seconds} 秒",
    "no round of {silent}: start their process again": "没有动静：{silent}；重启它们的进程",
    "{loop} met {fault}": "{loop} 遇到 {fault}",
    "{faults}: see its log, and report it": "{faults}：看它的日志并报告",
    # What waits there.
    "no order waits to be placed": "没有订单等待处理",
    "{count} wait to be placed, the oldest for {seconds} s": "{count} 笔订单等待处理，最久的已等 {seconds} 秒",
    "{seen}: see the lines locks, workers and beat, then {section}": (
        "{seen}：看 locks、workers、beat 各行，再看 {section}"
    ),
    "nobody waits for a lock for longer than a moment": "没有人久等锁",
    "{pid} ({name}, {state}, open for {seconds} s)": "进程 {pid}（{name}，{state}，事务已开 {seconds} 秒）",
    "{session} holds up {waiters} for {seconds} s": "{session} 挡住 {waiters} 已 {seconds} 秒",
    "end who does not belong there by SELECT pg_terminate_backend({pid}), see {section}": (
        "用 SELECT pg_terminate_backend({pid}) 结束不该在那里的会话，见 {section}"
    ),
    "ROLLBACK PREPARED what pg_prepared_xacts has and nobody will commit, see {section}": (
        "pg_prepared_xacts 里无人会提交的，用 ROLLBACK PREPARED 回滚，见 {section}"
    ),
    "idle in transaction": "事务中空闲",
    "nothing needs a person": "没有需要人处理的事",
    "{counted}: checkout stuck says what to do about each": "{counted}：checkout stuck 说明每一件怎么办",
    # Redis and the brokers.
    "Redis does not answer ({error}): {cure}": "Redis 没有应答（{error}）：{cure}",
    "start it, or mend its address": "启动它，或改正它的地址",
    "RabbitMQ answers, and its queues are durable": "RabbitMQ 有应答，队列是持久的",
    "RabbitMQ does not answer: start it, or mend its address": "RabbitMQ 没有应答：启动它，或改正它的地址",
    "Redis answers, writes all down and evicts nothing": "Redis 有应答，全部落盘，不淘汰数据",
    "Redis does not tell its configuration: see yourself that appendonly is yes": (
        "Redis 不透露配置：请自行确认 appendonly 为 yes"
    ),
    "when Redis is full, {loss}: set maxmemory-policy noeviction": (
        "Redis 满时{loss}：把 maxmemory-policy 设为 noeviction"
    ),
    "when Redis stops, {loss}: set appendonly yes": "Redis 停止时{loss}：把 appendonly 设为 yes",
    "nobody has proven the books yet": "还没有人对过账",
    "the books were proven {hours} h ago": "{hours} 小时前对过账",
    "see that checkout audit runs once a day": "请安排 checkout audit 每天运行一次",
    "broken: {proofs}": "不成立：{proofs}",
    "see docs/runbook.md#the-audit-found-a-breach, then run checkout audit again": (
        "见 docs/runbook.md#the-audit-found-a-breach，然后再运行 checkout audit"
    ),
    "buyers lose their carts": "买家会丢失购物车",
    "subscribers lose waiting events, and must read them from the log": "订阅者会丢失等待中的事件，只能从事件日志补读",
    # Tokens of an identity provider.
    "{count} keys of the provider can be used": "身份提供方有 {count} 把密钥可用",
    "{error}: see CHECKOUT_JWKS; its tokens do not hold until then": (
        "{error}：检查 CHECKOUT_JWKS；在此之前它的令牌无效"
    ),
    "set CHECKOUT_JWT_AUDIENCE and CHECKOUT_JWT_ISSUER, or a token made for another service holds here too": (
        "请设置 CHECKOUT_JWT_AUDIENCE 和 CHECKOUT_JWT_ISSUER，否则签发给别的服务的令牌在这里也有效"
    ),
}
