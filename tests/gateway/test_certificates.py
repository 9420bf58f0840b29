"""Certificate mode, and Alipay changing its certificate."""

import base64
import json
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from alipay.exceptions import AliPayException, AliPayValidationError

from sandbox.alipay import keys
from tests.gateway.merchant import CertifiedMerchant, Merchant, new_order, refusal
from tests.gateway.process import HTTP, LocalAlipay


def test_the_client_and_the_gateway_agree_on_serial_numbers(alipay: LocalAlipay) -> None:
    merchant = CertifiedMerchant(alipay.keys, alipay.gateway_url)
    assert merchant.alipay_root_cert_sn.count("_") == 1
    assert merchant.alipay_root_cert_sn == keys.root_serial_number(alipay.keys.alipay_root_cert_file.read_bytes())
    answer = merchant.api_alipay_trade_query(out_trade_no="nobody")
    assert answer["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_an_answer_names_the_certificate(alipay: LocalAlipay) -> None:
    merchant = CertifiedMerchant(alipay.keys, alipay.gateway_url)
    request = merchant.sign_data(merchant.build_body("alipay.trade.query", {"out_trade_no": "nobody"}))
    answer = HTTP.request("GET", f"{alipay.gateway_url}?{request}").json()
    assert list(answer) == ["alipay_trade_query_response", "alipay_cert_sn", "sign"]
    assert answer["alipay_cert_sn"] == list(keys.alipay_certificates(alipay.keys))[-1]


@pytest.mark.parametrize(
    ("name", "sub_code"),
    [("app_cert_sn", "isv.app-cert-not-exist"), ("alipay_root_cert_sn", "isv.invalid-alipay-root-cert-sn")],
)
def test_wrong_serial_numbers_are_refused(alipay: LocalAlipay, name: str, sub_code: str) -> None:
    merchant = CertifiedMerchant(alipay.keys, alipay.gateway_url)
    setattr(merchant, f"_{name}", "0" * 32)
    with pytest.raises(AliPayException) as caught:
        merchant.api_alipay_trade_query(out_trade_no="nobody")
    assert refusal(caught.value)["sub_code"] == sub_code


def test_certificate_mode_can_be_demanded(alipay: LocalAlipay, merchant: Merchant) -> None:
    alipay.switch(mode="certificate")
    with pytest.raises(AliPayException) as caught:
        merchant.api_alipay_trade_query(out_trade_no="nobody")
    assert refusal(caught.value)["sub_code"] == "isv.missing-app-cert-sn"


def test_a_rotated_certificate_can_be_downloaded(start: Callable[[float], LocalAlipay]) -> None:
    alipay = start(1000)
    merchant = CertifiedMerchant(alipay.keys, alipay.gateway_url)
    alipay.admin("POST", "rotate-certificate", {})
    serial = alipay.admin("POST", "rotate-certificate", {})["alipay_cert_sn"]
    with pytest.raises(AliPayValidationError):
        merchant.api_alipay_trade_query(out_trade_no="nobody")
    request = merchant.api_alipay_open_app_alipaycert_download(serial)
    answer = HTTP.request("GET", f"{alipay.gateway_url}?{request}").json()
    assert answer["alipay_cert_sn"] == serial
    content = answer["alipay_open_app_alipaycert_download_response"]["alipay_cert_content"]
    alipay.keys.alipay_cert_file.write_bytes(base64.b64decode(content))
    alipay.kill()
    alipay.start_again()
    renewed = CertifiedMerchant(alipay.keys, alipay.gateway_url)
    assert renewed.api_alipay_trade_query(out_trade_no="nobody")["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    plain = Merchant(alipay.keys, alipay.gateway_url)
    assert plain.api_alipay_trade_query(out_trade_no="nobody")["sub_code"] == "ACQ.TRADE_NOT_EXIST"


def test_keys_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    made = keys.ensure(tmp_path / "deep" / "er")
    contents = {file: file.read_bytes() for file in made.directory.iterdir()}
    assert len(contents) == 10
    assert {stat.S_IMODE(file.stat().st_mode) for file in contents} == {0o600}
    identity = json.loads((made.directory / "identity.json").read_text(encoding="utf-8"))
    assert (identity["app_id"][:4], len(identity["app_id"])) == ("2021", 16)
    assert (identity["seller_id"][:4], len(identity["seller_id"])) == ("2088", 16)
    again = keys.ensure(made.directory)
    assert again == made
    assert {file: file.read_bytes() for file in made.directory.iterdir()} == contents


def test_a_return_in_certificate_mode_verifies_with_the_certificate(alipay: LocalAlipay) -> None:
    merchant = CertifiedMerchant(alipay.keys, alipay.gateway_url)
    request = merchant.api_alipay_trade_page_pay("袜子", new_order(), "1.00", return_url="http://shop.example/")
    paid = alipay.pay(pay_url=f"{alipay.gateway_url}?{request}")
    params = dict(parse_qsl(urlsplit(paid["return_url"]).query))
    assert merchant.verify(params, params.pop("sign"))
