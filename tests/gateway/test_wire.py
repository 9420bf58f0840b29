"""The gateway's wire: what is refused at the door, and how answers are wrapped and signed."""

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from alipay.exceptions import AliPayException
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.gateway.merchant import Merchant, new_order, refusal, verifies
from tests.gateway.process import HTTP, LocalAlipay


def query_params(merchant: Merchant, **changes: str | None) -> dict[str, str]:
    """A correct signed query, with parameters changed or (None) left out before signing."""
    data = merchant.build_body("alipay.trade.query", {"out_trade_no": "nobody"})
    data = {name: value for name, value in {**data, **changes}.items() if value is not None}
    return dict(parse_qsl(merchant.sign_data(data)))


def ask(alipay: LocalAlipay, params: dict[str, str]) -> dict[str, Any]:
    answer = HTTP.request("GET", f"{alipay.gateway_url}?{urlencode(params)}")
    assert answer.status == 200
    return dict(answer.json())


def test_an_answer_is_signed_over_its_raw_text(alipay: LocalAlipay, merchant: Merchant) -> None:
    order = new_order()
    request = merchant.sign_data(
        merchant.build_body(
            "alipay.trade.precreate", {"out_trade_no": order, "total_amount": "1.00", "subject": "袜子"}
        )
    )
    answer = HTTP.request("GET", f"{alipay.gateway_url}?{request}")
    assert answer.headers["Content-Type"] == "text/html;charset=utf-8"
    text = answer.data.decode()
    match = re.fullmatch(r'\{"alipay_trade_precreate_response":(\{.*\}),"sign":"([^"]+)"\}', text)
    assert match is not None
    assert r"http:\/\/127.0.0.1" in match.group(1)
    assert verifies(match.group(1).encode(), match.group(2), alipay.keys)


def test_parameters_may_come_in_query_and_body(alipay: LocalAlipay, merchant: Merchant) -> None:
    params = query_params(merchant)
    body = {"biz_content": params.pop("biz_content")}
    url = f"{alipay.gateway_url}?{urlencode(params)}"
    answer = HTTP.request("POST", url, fields=body, encode_multipart=False).json()
    assert answer["alipay_trade_query_response"]["sub_code"] == "ACQ.TRADE_NOT_EXIST"


@pytest.mark.parametrize(
    ("changes", "code", "sub_code"),
    [
        ({"app_id": "2021000000000000"}, "40002", "isv.invalid-app-id"),
        ({"app_id": None}, "40001", "isv.missing-app-id"),
        ({"timestamp": None}, "40001", "isv.missing-timestamp"),
        ({"timestamp": "yesterday"}, "40002", "isv.invalid-timestamp"),
        ({"timestamp": "2026-01-02T03:04:05"}, "40002", "isv.invalid-timestamp"),
        ({"version": None}, "40001", "isv.missing-version"),
        ({"sign_type": None}, "40001", "isv.missing-signature-type"),
        ({"charset": "ebcdic"}, "40002", "isv.invalid-charset"),
        ({"format": "XML"}, "40002", "isv.invalid-format"),
        ({"method": "alipay.trade.unknown"}, "40002", "isv.invalid-method"),
        ({"biz_content": "[1]"}, "40002", "isv.invalid-parameter"),
        ({"biz_content": "{"}, "40002", "isv.invalid-parameter"),
    ],
)
def test_a_bad_request_is_refused_unsigned(
    alipay: LocalAlipay, merchant: Merchant, changes: dict[str, str | None], code: str, sub_code: str
) -> None:
    answer = ask(alipay, query_params(merchant, **changes))
    assert "sign" not in answer
    (body,) = answer.values()
    assert (body["code"], body["sub_code"]) == (code, sub_code)


def test_a_call_without_method_gets_an_error_response(alipay: LocalAlipay, merchant: Merchant) -> None:
    answer = ask(alipay, query_params(merchant, method=None))
    assert answer["error_response"]["sub_code"] == "isv.missing-method"


def test_the_app_id_is_checked_before_the_signature(alipay: LocalAlipay, merchant: Merchant) -> None:
    params = query_params(merchant, app_id="2021000000000000")
    del params["sign"]
    (body,) = ask(alipay, params).values()
    assert body["sub_code"] == "isv.invalid-app-id"


@pytest.mark.parametrize("signature", ["", "AAAA", "no base64!", "你好"])
def test_a_wrong_signature_is_refused(alipay: LocalAlipay, merchant: Merchant, signature: str) -> None:
    """Of a known app in the method's own envelope, signed, as the official SDKs know it."""
    answer = ask(alipay, query_params(merchant) | {"sign": signature})
    if not signature:
        (body,) = answer.values()
        assert body["sub_code"] == "isv.missing-signature"
        return
    body = answer["alipay_trade_query_response"]
    assert (body["sub_code"], "sign" in answer) == ("isv.invalid-signature", True)
    assert "&amp;charset=utf-8&amp;" in body["sub_msg"]


def test_a_changed_parameter_breaks_the_signature(alipay: LocalAlipay, merchant: Merchant) -> None:
    params = query_params(merchant) | {"biz_content": '{"out_trade_no":"other"}'}
    assert ask(alipay, params)["alipay_trade_query_response"]["sub_code"] == "isv.invalid-signature"


def test_refusals_can_be_switched_to_signed_error_responses(alipay: LocalAlipay, merchant: Merchant) -> None:
    alipay.switch(gateway_errors="signed_error_response", bad_signature="as_gateway_errors")
    params = query_params(merchant) | {"sign": "AAAA"}
    text = HTTP.request("GET", f"{alipay.gateway_url}?{urlencode(params)}").data.decode()
    answer = json.loads(text)
    assert answer["error_response"]["sub_code"] == "isv.invalid-signature"
    inner = text.removeprefix('{"error_response":').rpartition(',"sign":')[0]
    assert verifies(inner.encode(), answer["sign"], alipay.keys)


def test_the_published_client_raises_on_an_unsigned_refusal(merchant: Merchant) -> None:
    with pytest.raises(AliPayException) as caught:
        merchant.server_api("alipay.trade.unknown", {"out_trade_no": "1"})
    assert refusal(caught.value)["sub_code"] == "isv.invalid-method"


def test_gbk_requests_are_read_and_answered_in_gbk(alipay: LocalAlipay) -> None:
    biz = json.dumps({"out_trade_no": new_order(), "total_amount": "1.00", "subject": "袜子/"}, ensure_ascii=False)
    params = {"app_id": alipay.keys.app_id, "method": "alipay.trade.precreate", "charset": "gbk", "version": "1.0"}
    params |= {"sign_type": "RSA2", "timestamp": "2026-01-01 00:00:00", "biz_content": biz}
    key = serialization.load_pem_private_key(alipay.keys.app_private_key_file.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    text = "&".join(f"{name}={params[name]}" for name in sorted(params)).encode("gbk")
    params["sign"] = base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
    answer = HTTP.request("GET", f"{alipay.gateway_url}?{urlencode(params, encoding='gbk')}")
    assert answer.headers["Content-Type"] == "text/html;charset=gbk"
    body = json.loads(answer.data.decode("gbk"))["alipay_trade_precreate_response"]
    assert body["sub_msg"] == "参数无效：subject包含特殊字符"


def test_a_clock_can_be_made_to_matter(alipay: LocalAlipay, merchant: Merchant) -> None:
    params = query_params(merchant, timestamp="2026-01-01 00:00:00")
    assert "sign" in ask(alipay, params)
    alipay.switch(timestamp_tolerance=600)
    (body,) = ask(alipay, params).values()
    assert body["sub_code"] == "isv.invalid-timestamp"


@pytest.mark.parametrize("change", [{"app_id": "2021000000000000"}, {"sign": "AAAA"}])
def test_a_refused_payment_page_is_html_in_gbk(alipay: LocalAlipay, merchant: Merchant, change: dict[str, str]) -> None:
    link = merchant.page(new_order())
    params = dict(parse_qsl(link.partition("?")[2])) | change
    answer = HTTP.request("GET", f"{alipay.gateway_url}?{urlencode(params)}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html;charset=GBK")
    assert "调试错误" in answer.data.decode("gbk")
    assert ("invalid-app-id" if "app_id" in change else "invalid-signature") in answer.data.decode("gbk")
