"""What is said of Alipay's answers, certificates and bills."""

from __future__ import annotations

SENTENCES = {
    "no answer from {host}: {error}": "{host} 没有应答：{error}",
    "Alipay's gateway answered HTTP {status}": "支付宝网关返回 HTTP {status}",
    "the signature of Alipay's answer does not hold": "支付宝应答的签名无效",
    "Alipay's answer has no end": "支付宝的应答没有结尾",
    "Alipay's answer is not what the protocol says": "支付宝的应答不合协议",
    "what was downloaded is no such certificate": "下载的不是那张证书",
    "the certificate is not issued to Alipay": "证书不是颁发给支付宝的",
    "the certificate does not chain to the configured root, or its time is over": (
        "证书不能追溯到所配的根证书，或已过期"
    ),
    "the certificate holds no RSA key": "证书里没有 RSA 密钥",
    "Alipay gives no bill of {day}: {answer}": "支付宝不给 {day} 的账单：{answer}",
    "Alipay's gateway turns us away: {code}; see checkout doctor": "支付宝网关拒绝了我们：{code}；见 checkout doctor",
    "whether Alipay has a bill of {day} is unknown: {why}": "不知道支付宝有没有 {day} 的账单：{why}",
    "Alipay has no bill of {day} yet ({code}); it comes at 09:00 Beijing time of the next day": (
        "支付宝还没有 {day} 的账单（{code}）；次日北京时间 09:00 才有"
    ),
    "the bill of {day} lies at {host}, which is not under CHECKOUT_ALIPAY_BILL_DOMAINS": (
        "{day} 的账单在 {host}，不属于 CHECKOUT_ALIPAY_BILL_DOMAINS"
    ),
    "the address of the bill of {day} cannot be read": "{day} 的账单地址无法识别",
    "the bill's download broke off: {error}": "账单下载中断：{error}",
    "the bill's address answered HTTP {status}": "账单地址返回 HTTP {status}",
    "the bill's download has no end": "账单下载没有结尾",
    "the bill is no zip": "账单不是 zip 文件",
    "the bill holds more files than a bill has": "账单里的文件太多",
    "the bill has no list of trades": "账单里没有交易明细",
    "the bill is too large": "账单太大",
    "the bill cannot be read: {why}": "账单无法读取：{why}",
    "the bill is encrypted": "账单加了密",
    "the bill is packed in a way that Alipay does not use": "账单的压缩方式不是支付宝用的",
    "the bill is a bomb: it unpacks to far more than text does": "账单解压后远大于正常文本",
    "a line of the bill has no end": "账单里有一行没有结尾",
    "the bill was fetched again meanwhile": "期间账单又被下载了一次",
    "a line of the bill does not fit its header": "账单里有一行与表头不符",
    "a row of the bill has no end": "账单里有一条记录没有结尾",
    "the bill's own totals differ from its lines ({kind}: {says})": "账单的合计与明细不符（{kind}：{says}）",
    "the bill's list has no header": "账单明细没有表头",
    "the bill's list lacks the columns {columns}": "账单明细缺少列 {columns}",
    "too many lines of the bill do not fit its header": "账单里太多行与表头不符",
}
