"""Alipay's own SDKs for Python and Node, unmodified, against the local gateway: their checks hold, and ours are theirs.

They are installed here, from PyPI and npm; where they cannot be had, these tests are skipped by name.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.alipay import keys
from sandbox.alipay.keys import Keys
from tests.gateway.merchant import new_order
from tests.gateway.process import LocalAlipay
from tests.shared.packages import from_npm, installed

pytestmark = pytest.mark.timeout(3 * 120)
HERE = Path(__file__).parent / "sdks"
PYTHON_SDK, NODE_SDK = "alipay-sdk-python==3.7.1411", "alipay-sdk@4.14.0"
OPEN_ID = "074a1CcTG1LelxKe4xQC0zgNdId0nxi95b5lsNpazWYoCo5"
Run = Callable[[dict[str, Any]], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def python_sdk(tmp_path_factory: pytest.TempPathFactory) -> Run:
    target = tmp_path_factory.mktemp("python-sdk")
    installed(
        [sys.executable, "-m", "pip", "install", "-q", "--no-compile", "--target", str(target), PYTHON_SDK], PYTHON_SDK
    )
    return lambda told: run([sys.executable, str(HERE / "official.py")], told, PYTHONPATH=str(target))


@pytest.fixture(scope="module")
def node_sdk(tmp_path_factory: pytest.TempPathFactory) -> Run:
    node, environment = from_npm(NODE_SDK, tmp_path_factory.mktemp("node-sdk"))
    return lambda told: run([node, str(HERE / "official.cjs")], told, **environment)


def run(command: list[str], told: dict[str, Any], **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"} | environment
    text = json.dumps(told)
    return subprocess.run(command, input=text, env=own, capture_output=True, encoding="utf-8", timeout=60, check=False)


@pytest.fixture(params=["python_sdk", "node_sdk"])
def sdk(request: pytest.FixtureRequest) -> Run:
    found: Run = request.getfixturevalue(request.param)
    return found


def body(file: Path) -> str:
    """A key as Alipay's console shows it: its base64 alone."""
    return "".join(line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("-"))


def told(alipay: LocalAlipay, *calls: tuple[str, dict[str, Any]], key: Path | None = None) -> dict[str, Any]:
    files: Keys = alipay.keys
    return {
        "gateway": alipay.gateway_url,
        "app_id": files.app_id,
        "key": body(key or files.app_pkcs1_key_file),
        "alipay_key": body(files.alipay_public_key_file),
        "calls": [[f"alipay.trade.{method}", biz] for method, biz in calls],
        "page": None,
    }


def ask(sdk: Run, question: dict[str, Any]) -> dict[str, Any]:
    done = sdk(question)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def a_bill(**more: Any) -> dict[str, Any]:
    return {"out_trade_no": new_order(), "total_amount": "20.00", "subject": "龙井 250g"} | more


def for_mini(**more: Any) -> dict[str, Any]:
    ids = {"op_app_id": "2021000000000001", "buyer_open_id": OPEN_ID}
    return a_bill(product_code="JSAPI_PAY", **ids) | more


def test_a_mini_programs_trade_is_made_paid_and_refunded(alipay: LocalAlipay, sdk: Run) -> None:
    bill = for_mini()
    number = {"out_trade_no": bill["out_trade_no"]}
    first, again, waits = ask(sdk, told(alipay, ("create", bill), ("create", bill), ("query", number)))["answers"]
    assert (first["code"], again["trade_no"]) == ("10000", first["trade_no"])
    assert (waits["trade_status"], waits["trade_no"]) == ("WAIT_BUYER_PAY", first["trade_no"])
    assert alipay.pay(trade_no=first["trade_no"])["product"] == "mini"
    part = number | {"refund_amount": "5.00", "out_request_no": "R1"}
    questions = (("refund", part), ("fastpay.refund.query", number | {"out_request_no": "R1"}), ("create", bill))
    refund, asked, late = ask(sdk, told(alipay, *questions))["answers"]
    assert (refund["fund_change"], refund["refund_fee"], refund["send_back_fee"]) == ("Y", "5.00", "0.00")
    assert (asked["refund_status"], asked["refund_amount"]) == ("REFUND_SUCCESS", "5.00")
    assert late["sub_code"] == "ACQ.TRADE_HAS_SUCCESS"


def test_what_create_refuses(alipay: LocalAlipay, sdk: Run) -> None:
    known = for_mini()
    bills = (
        for_mini(buyer_open_id=""),
        for_mini(buyer_open_id="", buyer_id=alipay.keys.seller_id),
        for_mini(buyer_open_id="", buyer_id="123"),
        for_mini(op_app_id=""),
        for_mini(product_code="QUICK_WAP_WAY"),
        known,
        known | {"total_amount": "21.00"},
        known | {"buyer_open_id": "another"},
    )
    answers = ask(sdk, told(alipay, *(("create", bill) for bill in bills)))["answers"]
    assert [answer.get("sub_code", "done") for answer in answers] == [
        "ACQ.INVALID_PARAMETER",
        "ACQ.BUYER_SELLER_EQUAL",
        "ACQ.INVALID_PARAMETER",
        "ACQ.INVALID_PARAMETER",
        "ACQ.INVALID_PARAMETER",
        "done",
        "ACQ.CONTEXT_INCONSISTENT",
        "ACQ.TRADE_BUYER_NOT_MATCH",
    ]


def test_an_order_code_and_a_trade_that_nobody_knows(alipay: LocalAlipay, sdk: Run) -> None:
    bill = a_bill(product_code="QR_CODE_OFFLINE")
    questions = (("precreate", bill), ("query", {"out_trade_no": bill["out_trade_no"]}))
    code, unknown = ask(sdk, told(alipay, *questions))["answers"]
    assert unknown["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert {unknown[name] for name in ("buyer_pay_amount", "receipt_amount", "invoice_amount")} == {"0.00"}
    assert alipay.pay(qr_code=code["qr_code"])["product"] == "order_code"


def test_installments_are_paid_on_the_page(alipay: LocalAlipay, sdk: Run) -> None:
    parts = {"hb_fq_num": "12", "hb_fq_seller_percent": "0"}
    bill = a_bill(product_code="FAST_INSTANT_TRADE_PAY", extend_params=parts)
    answer = ask(sdk, told(alipay) | {"page": bill})
    assert alipay.pay(pay_url=answer["page"])["installments"] == "12"
    [found] = ask(sdk, told(alipay, ("query", {"out_trade_no": bill["out_trade_no"]})))["answers"]
    assert found["hb_fq_pay_info"] == {"user_install_num": "12"}


def test_a_wrong_key_is_told_in_an_answer_that_verifies(alipay: LocalAlipay, node_sdk: Run, tmp_path: Path) -> None:
    """In the method's own envelope, signed: the SDK believes it, and shows why."""
    strange = keys.ensure(tmp_path / "strange").app_pkcs1_key_file
    question = told(alipay, ("query", {"out_trade_no": "T1"}), key=strange)
    [answer] = ask(node_sdk, question)["answers"]
    assert (answer["code"], answer["sub_code"]) == ("40002", "isv.invalid-signature")
