"""Bills: when they exist, how they are packed, and that they add up."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.gateway.merchant import Merchant, new_order
from tests.gateway.process import HTTP, LocalAlipay


def ask(merchant: Merchant, day: str, bill_type: str = "trade") -> dict[str, Any]:
    request = {"bill_type": bill_type, "bill_date": day}
    return dict(merchant.server_api("alipay.data.dataservice.bill.downloadurl.query", request))


def today(alipay: LocalAlipay) -> str:
    return str(alipay.admin("GET", "clock")["beijing"])[:10]


def fetch(answer: dict[str, Any]) -> dict[str, list[str]]:
    """The lines of each file of a bill, by its name as GBK tells it, in the order of the zip."""
    packed = HTTP.request("GET", answer["bill_download_url"])
    assert packed.status == 200
    with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
        members = archive.infolist()
        assert all(member.flag_bits & 0x800 == 0 for member in members)
        names = [member.filename.encode("cp437").decode("gbk") for member in members]
        texts = [archive.read(member).decode("gbk") for member in members]
    assert all(text.count("\n") == text.count("\r\n") for text in texts)
    return {name: text.splitlines() for name, text in zip(names, texts, strict=True)}


def rows(lines: list[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_a_closed_day_has_a_bill_at_once(alipay: LocalAlipay, merchant: Merchant) -> None:
    order, day = new_order(), today(alipay)
    alipay.pay(pay_url=merchant.page(order, "10.00"))
    merchant.api_alipay_trade_refund("4.00", out_trade_no=order, out_request_no="r1")
    assert ask(merchant, day)["sub_code"] == "BILL_NOT_EXIST"
    alipay.admin("POST", "close-day", {})
    files = fetch(ask(merchant, day))
    summary, detail = files
    assert summary.endswith("_业务明细(汇总).csv")
    assert detail == f"{alipay.keys.seller_id}0156_{day.replace('-', '')}_业务明细.csv"
    lines = files[detail]
    assert lines[0] == "#支付宝业务明细查询"
    assert lines[1] == f"#账号：[{alipay.keys.seller_id}0156]"
    assert len(lines[4].split(",")) == 25
    paid, refunded = [row for row in rows(lines) if row["商户订单号"] == f"{order}\t"]
    assert (paid["业务类型"], paid["订单金额（元）"], paid["服务费（元）"]) == ("交易\t", "10.00", "-0.06")
    assert (refunded["业务类型"], refunded["订单金额（元）"]) == ("退款\t", "-4.00")
    assert refunded["退款批次号/请求号"] == "r1\t"
    assert lines[-1].startswith("#导出时间：[")


def test_the_account_bill_has_fees_as_rows(alipay: LocalAlipay, merchant: Merchant) -> None:
    order, day = new_order(), today(alipay)
    alipay.pay(pay_url=merchant.page(order, "50.00"))
    alipay.admin("POST", "close-day", {"date": day})
    files = fetch(ask(merchant, day, "signcustomer"))
    lines = files[next(name for name in files if name.endswith("_账务明细.csv"))]
    assert lines[0] == "#支付宝账务明细查询"
    mine = [row for row in rows(lines) if row["商户订单号"] == f"{order}\t"]
    assert [(row["业务类型"], row["收入金额（+元）"], row["支出金额（-元）"]) for row in mine] == [
        ("在线支付\t", "50.00", "0.00"),
        ("收费\t", "0.00", "-0.30"),
    ]


def test_yesterdays_bill_comes_at_nine(alipay: LocalAlipay, merchant: Merchant) -> None:
    now = datetime.now(UTC) + timedelta(hours=8)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=40)
    to_midnight = (midnight - now).total_seconds()
    alipay.skew(to_midnight - 3600)
    order, day = new_order(), today(alipay)
    alipay.pay(pay_url=merchant.page(order))
    alipay.skew(to_midnight + 9 * 3600 - 60)
    assert ask(merchant, day)["sub_code"] == "BILL_NOT_EXIST"
    alipay.skew(to_midnight + 9 * 3600 + 60)
    files = fetch(ask(merchant, day))
    assert any(order in line for line in list(files.values())[1])


def test_a_monthly_bill_comes_on_the_third(alipay: LocalAlipay, merchant: Merchant) -> None:
    assert ask(merchant, today(alipay)[:7])["sub_code"] == "BILL_NOT_EXIST"
    order, month = new_order(), today(alipay)[:7]
    alipay.pay(pay_url=merchant.page(order))
    alipay.skew(40 * 86400)
    files = fetch(ask(merchant, month))
    assert any(order in line for line in list(files.values())[1])


def test_an_empty_day_has_an_empty_bill_or_none(alipay: LocalAlipay, merchant: Merchant) -> None:
    answer = ask(merchant, "2024-02-29")
    assert answer["bill_file_code"] == "EMPTY_DATA_WITH_BILL_FILE"
    assert rows(list(fetch(answer).values())[1]) == []
    alipay.switch(empty_bill="NO_BILL_DATA")
    assert ask(merchant, "2024-02-29")["sub_code"] == "NO_BILL_DATA"


@pytest.mark.parametrize(
    ("day", "bill_type", "sub_code"),
    [
        ("2024-02-30", "trade", "INVAILID_ARGUMENTS"),
        ("20240229", "trade", "INVAILID_ARGUMENTS"),
        ("9999-12-31", "trade", "INVAILID_ARGUMENTS"),
        ("2024-02-29", "wages", "INVAILID_ARGUMENTS"),
        ("2024-02-29", "zft_acc", "TYPE_NOT_SUPPORTED"),
        ("2999-01-01", "trade", "BILL_NOT_EXIST"),
    ],
)
def test_wrong_questions_are_refused(merchant: Merchant, day: str, bill_type: str, sub_code: str) -> None:
    assert ask(merchant, day, bill_type)["sub_code"] == sub_code


def test_a_download_address_dies_after_thirty_seconds(alipay: LocalAlipay, merchant: Merchant) -> None:
    url = ask(merchant, "2024-02-29")["bill_download_url"]
    assert HTTP.request("GET", url).status == 200
    alipay.skew(31)
    assert HTTP.request("GET", url).status == 404
