"""Bills as Alipay packs them, made by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from typing import IO

COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,"
    "商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_SUMMARY = "#支付宝业务汇总查询\r\n#账号：[20881234567890120156]\r\n门店编号,交易订单总笔数\r\n合计\t,1\r\n"


def row(
    number: str,
    amount: str,
    *,
    kind: str = "交易",
    request: str = "",
    name: str = "一双袜子",
    received: str = "",
    voucher: str = "",
    remark: str = "",
    shop: str = "",
    buyer: str = "abc***@example.com",
) -> str:
    """One line of the list of trades; texts end with a TAB."""
    texts = (f"2026112222001{number}", number, kind, name, "2026-11-22 10:00:00", "2026-11-22 10:00:05")
    start = ",".join(f"{text}\t" for text in (*texts, "", shop, "", "", buyer))
    amounts = f"{amount},{received or amount},0.00,0.00,0.00,0.00,0.00"
    return f"{start},{amounts},{voucher}\t,0.00,0.00,{request}\t,-0.01,0.00,{remark}\t"


def trades(rows: Iterable[str], columns: str = COLUMNS) -> str:
    """The list of trades, with the lines around it."""
    title = "-----------------------------------------业务明细列表"
    head = ("#支付宝业务明细查询", "#账号：[20881234567890120156]", f"#{title}----------------------------------------")
    rows = list(rows)
    paid, returned = (sum(f"\t,{kind}\t," in one for one in rows) for kind in ("交易", "退款"))
    totals = (f"#交易合计：{paid}笔，商家实收共1.00元", f"#退款合计：{returned}笔，商家实收退款共0.00元")
    tail = (f"#{title}结束------------------------------------", *totals, "#导出时间：[…]")
    return "".join(f"{line}\r\n" for line in (*head, columns, *rows, *tail))


def packed(*texts: str, list_first: bool = False) -> IO[bytes]:
    """The zip, its entry names in GBK without saying so; several lists are numbered."""
    account = "20881234567890120156_20261122"
    names = ["业务明细.csv"] if len(texts) == 1 else [f"业务明细_{number}.csv" for number in range(1, len(texts) + 1)]
    lists = [(f"{account}_{name}", text) for name, text in zip(names, texts, strict=True)]
    members = [(f"{account}_业务明细(汇总).csv", _SUMMARY), *lists]
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in reversed(members) if list_first else members:
            archive.writestr(_Member(name), content.encode("gb18030"), zipfile.ZIP_DEFLATED)
    file.seek(0)
    return file


class _Member(zipfile.ZipInfo):
    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the library's name
        return self.filename.encode("gbk"), self.flag_bits & ~0x800
