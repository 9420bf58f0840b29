"""Calls through Alipay's own SDK for Python, unmodified. Its package has the name of another SDK's, hence a process.

Reads {"gateway", "app_id", "key", "alipay_key", "calls": [[method, biz], …], "page": biz} and writes the answers.
"""

import json
import socket
import sys
from typing import Any
from urllib.parse import urlsplit

from alipay.aop.api.AlipayClientConfig import AlipayClientConfig
from alipay.aop.api.DefaultAlipayClient import DefaultAlipayClient
from alipay.aop.api.request import (
    AlipayTradeCloseRequest,
    AlipayTradeCreateRequest,
    AlipayTradeFastpayRefundQueryRequest,
    AlipayTradePagePayRequest,
    AlipayTradePrecreateRequest,
    AlipayTradeQueryRequest,
    AlipayTradeRefundRequest,
)

REQUESTS = {
    "alipay.trade.create": AlipayTradeCreateRequest.AlipayTradeCreateRequest,
    "alipay.trade.query": AlipayTradeQueryRequest.AlipayTradeQueryRequest,
    "alipay.trade.precreate": AlipayTradePrecreateRequest.AlipayTradePrecreateRequest,
    "alipay.trade.close": AlipayTradeCloseRequest.AlipayTradeCloseRequest,
    "alipay.trade.refund": AlipayTradeRefundRequest.AlipayTradeRefundRequest,
    "alipay.trade.fastpay.refund.query": AlipayTradeFastpayRefundQueryRequest.AlipayTradeFastpayRefundQueryRequest,
}

told = json.load(sys.stdin)
config = AlipayClientConfig()
# The SDK knows no port but 80, so its way there is bent on the network's side.
address, connect = urlsplit(told["gateway"]), socket.create_connection
socket.create_connection = lambda to, *rest: connect((to[0], address.port), *rest)
config.server_url, config.app_id = address._replace(netloc=address.hostname or "").geturl(), told["app_id"]
config.app_private_key, config.alipay_public_key = told["key"], told["alipay_key"]
client = DefaultAlipayClient(alipay_client_config=config)


def call(method: str, biz: dict[str, Any]) -> Any:
    request = REQUESTS[method]()
    request.biz_content = biz
    return json.loads(client.execute(request))


def page(biz: dict[str, Any]) -> Any:
    request = AlipayTradePagePayRequest.AlipayTradePagePayRequest()
    request.biz_content = biz
    return client.page_execute(request, http_method="GET")


answers = {"answers": [call(*one) for one in told["calls"]]}
if told["page"]:
    answers["page"] = page(told["page"])
json.dump(answers, sys.stdout)
