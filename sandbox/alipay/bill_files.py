"""The files inside a bill: header lines, columns and TAB-padded cells as published samples show them."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from sqlite3 import Row

from sandbox.alipay import clock
from sandbox.alipay.fields import yuan
from sandbox.alipay.gateway import Gateway
from sandbox.alipay.model import BUYER_LOGON_ID

_TRADE_COLUMNS = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,"
    "订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,"
    "商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注"
)
_TRADE_SUMMARY_COLUMNS = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,"
    "卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）"
)
_ACCOUNT_COLUMNS = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,"
    "账户余额（元）,交易渠道,业务类型,备注"
)
_ACCOUNT_SUMMARY_COLUMNS = "类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）,总金额（元）"
_AMOUNT = re.compile(r"-?\d+\.\d\d")
_MOVES = """
SELECT '交易' AS kind, trade_no, out_trade_no, subject, created_at, paid_at AS at, total_fen AS fen, '' AS request
FROM trades JOIN offers USING (token, out_trade_no) WHERE paid_at >= ?1 AND paid_at < ?2
UNION ALL
SELECT '退款', trade_no, out_trade_no, subject, created_at, done_at, -amount_fen, out_request_no
FROM refunds JOIN trades USING (trade_no) JOIN offers USING (token, out_trade_no) WHERE done_at >= ?1 AND done_at < ?2
ORDER BY at
"""


@dataclass(frozen=True)
class Head:
    """The lines above every list; `last` is the day after the period."""

    account: str
    first: date
    last: date
    made_at: float

    def lines(self, title: str, list_title: str) -> list[str]:
        first, last = (f"{day:%Y年%m月%d日} 00:00:00" for day in (self.first, self.last))
        start = [f"#支付宝{title}查询", f"#账号：[{self.account}]", f"#起始日期：[{first}]   终止日期：[{last}]"]
        return [
            *start,
            f"#{'-' * 41}{list_title}{'-' * 40}",
        ]

    def footer(self, list_title: str, *totals: str) -> list[str]:
        end = f"#{'-' * 41}{list_title}结束{'-' * 36}"
        made_at = clock.beijing(self.made_at)
        return [end, *totals, f"#导出时间：[{made_at:%Y年%m月%d日 %H:%M:%S}]"]


Files = tuple[tuple[str, str], tuple[str, str]]


def is_empty(gateway: Gateway, start: float, end: float) -> bool:
    return gateway.store.one(f"{_MOVES} LIMIT 1", start, end) is None


def trade_files(gateway: Gateway, head: Head, start: float, end: float) -> Files:
    moves = gateway.store.all(_MOVES, start, end)
    paid, returned = [m for m in moves if m["fen"] > 0], [m for m in moves if m["fen"] < 0]
    rows = [_trade_row(move, _fee(gateway, move)) for move in moves]
    received, given = sum(m["fen"] for m in paid), sum(m["fen"] for m in returned)
    totals = (
        f"#交易合计：{len(paid)}笔，商家实收共{yuan(received)}元，商家优惠共0.00元",
        f"#退款合计：{len(returned)}笔，商家实收退款共{yuan(given)}元，商家优惠退款共0.00元",
    )
    title = "业务明细列表"
    lines = [*head.lines("业务明细", title), _TRADE_COLUMNS, *rows, *head.footer(title, *totals)]
    fees = sum(_fee(gateway, move) for move in moves)
    net = received + given
    cells = ["", "", len(paid), len(returned), *map(yuan, (net, net, 0, 0, 0, fees, 0, net + fees))]
    title = "业务汇总列表"
    rows = [_row(cells), _row(["合计", *cells[1:]])]
    summary = [*head.lines("业务汇总", title), _TRADE_SUMMARY_COLUMNS, *rows, *head.footer(title)]
    return ("业务明细(汇总)", "业务明细"), (_text(summary), _text(lines))


def account_files(gateway: Gateway, head: Head, start: float, end: float) -> Files:
    """The account's movements: payments in, refunds out, fees as rows of their own."""
    entries = [entry for move in gateway.store.all(_MOVES, start, end) for entry in _entries(gateway, move)]
    balance, rows = 0, []
    for number, (move, kind, fen) in enumerate(entries):
        balance += fen
        rows.append(_account_row(number, move, kind, fen, balance))
    incoming, outgoing = [fen for *_, fen in entries if fen > 0], [fen for *_, fen in entries if fen < 0]
    totals = (
        f"#支出合计：{len(outgoing)}笔，共{yuan(sum(outgoing))}元",
        f"#收入合计：{len(incoming)}笔，共{yuan(sum(incoming))}元",
    )
    title = "账务明细列表"
    lines = [*head.lines("账务明细", title), _ACCOUNT_COLUMNS, *rows, *head.footer(title, *totals)]
    cells = ["合计", len(incoming), yuan(sum(incoming)), len(outgoing), yuan(sum(outgoing)), yuan(balance)]
    title = "账务汇总列表"
    summary = [*head.lines("账务汇总", title), _ACCOUNT_SUMMARY_COLUMNS, _row(cells), *head.footer(title)]
    return ("账务明细(汇总)", "账务明细"), (_text(summary), _text(lines))


WRITERS: dict[str, Callable[[Gateway, Head, float, float], Files]] = {
    "trade": trade_files,
    "signcustomer": account_files,
}


def _entries(gateway: Gateway, move: Row) -> list[tuple[Row, str, int]]:
    fee = _fee(gateway, move)
    main = (move, "在线支付" if move["fen"] > 0 else "交易退款", move["fen"])
    return [main, (move, "收费", fee)] if fee else [main]


def _fee(gateway: Gateway, move: Row) -> int:
    """Negative on payments, rounded half up to the fen; refunds give no fee back here."""
    if move["fen"] < 0:
        return 0
    fee = Decimal(move["fen"]) * Decimal(str(gateway.switches.fee_rate))
    return -int(fee.quantize(Decimal(1), ROUND_HALF_UP))


def _trade_row(move: Row, fee: int) -> str:
    amount = yuan(move["fen"])
    times = [clock.written(move["created_at"]), clock.written(move["at"])]
    cells = [move["trade_no"], move["out_trade_no"], move["kind"], move["subject"], *times, "", "", "", ""]
    cells += [BUYER_LOGON_ID, amount, amount, *["0.00"] * 5, "", "0.00", "0.00", move["request"], yuan(fee), "0.00", ""]
    return _row(cells)


def _account_row(number: int, move: Row, kind: str, fen: int, balance: int) -> str:
    flow = f"{clock.beijing(move['at']):%Y%m%d%H%M%S}{number:08}"
    cells = [flow, move["trade_no"], move["out_trade_no"], move["subject"], clock.written(move["at"]), BUYER_LOGON_ID]
    cells += [yuan(max(fen, 0)), yuan(min(fen, 0)), yuan(balance), "支付宝", kind, ""]
    return _row(cells)


def _row(cells: Sequence[object]) -> str:
    """Text cells end with a TAB, so that spreadsheets keep long numbers; nothing is quoted, and commas stay commas."""
    return ",".join(_cell(cell) for cell in cells)


def _cell(cell: object) -> str:
    text = str(cell)
    return text if isinstance(cell, int) or _AMOUNT.fullmatch(text) else f"{text}\t"


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
