"""The few HTML pages: cashier, result, error and the list of trades. No outside asset is loaded."""

from collections.abc import Iterable
from html import escape

from sandbox.alipay import clock
from sandbox.alipay.fields import yuan
from sandbox.alipay.model import CLOSED, WAITING, Trade
from sandbox.alipay.offers import Offer

_STYLE = """
:root{color-scheme:light dark;--blue:#0b5ed7;--on-blue:#fff;--ink:#1f2329;--grey:#5b6372;--line:#e6e9ef;
--paper:#f5f7fa;--card:#fff}
@media(prefers-color-scheme:dark){:root{--blue:#7fb2f5;--on-blue:#0c1a2c;--ink:#e5e8ec;--grey:#a2abb8;--line:#333b46;
--paper:#12161b;--card:#1a2027}}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.6 system-ui,"PingFang SC",
"Microsoft YaHei",sans-serif}main{max-width:460px;width:calc(100% - 24px);margin:8vh auto;
padding:28px 30px;background:var(--card);
border:1px solid var(--line);border-radius:14px}main.wide{max-width:1080px}h1{font-size:19px;margin:0 0 4px}
small,.grey{color:var(--grey)}
.amount{font-size:40px;font-weight:600;margin:18px 0 6px}dl{display:grid;grid-template-columns:auto 1fr;gap:4px 18px;
margin:18px 0;padding-top:16px;border-top:1px solid var(--line)}dt{color:var(--grey)}dd{margin:0;overflow-wrap:anywhere}
button{width:100%;padding:12px;margin-top:10px;border:0;border-radius:9px;background:var(--blue);color:var(--on-blue);
font:inherit;min-height:44px;cursor:pointer}button.quiet{background:var(--card);color:var(--grey);border:1px solid
var(--line)}table{width:100%;border-collapse:collapse;font-size:13px}td,th{text-align:left;padding:7px 8px;
border-bottom:1px solid var(--line)}td.n{text-align:right;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}a{color:var(--blue)}
code{font-size:13px;overflow-wrap:anywhere}
"""
_COUNTDOWN = """
<script>const left=document.getElementById("left");if(left){const end=Number(left.dataset.end)*1000;
const skew=Number(left.dataset.now)*1000-Date.now();const show=()=>{
const s=Math.max(0,Math.round((end-Date.now()-skew)/1000));
left.textContent=Math.floor(s/3600)+":"+String(Math.floor(s/60)%60).padStart(2,"0")+":"+String(s%60).padStart(2,"0")};
show();setInterval(show,1000)}</script>
"""


def cashier(offer: Offer, trade: Trade | None, ends_at: float | None, now: float) -> str:
    """What the buyer sees: log in or scan while there is no trade, then pay, or leave."""
    order = _list(
        ("商品 Item", offer.subject),
        ("商户订单号 Order", offer.out_trade_no),
        ("交易号 Trade", trade.trade_no if trade else "— 登录或扫码后生成 created at log-in"),
    )
    left = f'<b id="left" data-end="{ends_at:.3f}" data-now="{now:.3f}"></b>' if ends_at else "—"
    action = _button(offer, "pay", f"确认付款 Pay ¥{yuan(offer.total_fen)}")
    if trade is None:
        action = _button(offer, "login", "登录 / 扫码 Log in / scan")
        if offer.product in ("app", "wap"):
            action += _button(offer, "pay", "输入支付密码并付款 Enter password and pay", quiet=True)
    return _page(
        "收银台 Cashier",
        f"<h1>支付宝沙箱收银台</h1><small>Local Alipay sandbox · 本机模拟，不产生真实资金</small>"
        f'<div class="amount">¥{yuan(offer.total_fen)}</div><div class="grey">剩余时间 Time left {left}</div>'
        f"{order}{action}{_button(offer, 'leave', '离开 Leave', quiet=True)}{_COUNTDOWN}",
    )


def left(return_url: str) -> str:
    """The buyer has left, and the merchant named no quit_url: his bare return address is the way back."""
    title = "已离开收银台 You left the cashier"
    way = f'<p><a href="{escape(return_url)}">返回商家 Back to the shop</a></p>' if return_url else ""
    return _page(title, f"<h1>{title}</h1>{way}")


def result(title: str, trade: Trade) -> str:
    heading = f"<h1>{escape(title)}</h1>"
    facts = [("商户订单号 Order", trade.out_trade_no), ("交易号 Trade", trade.trade_no), ("状态 Status", trade.status)]
    return _page(title, f'{heading}<div class="amount">¥{yuan(trade.total_fen)}</div>{_list(*facts)}')


def failure(sub_code: str, sub_msg: str) -> bytes:
    """The page that replaces an answer of page.pay and wap.pay: HTTP 200, GBK, the code without its prefix."""
    code = sub_code.removeprefix("isv.").removeprefix("ACQ.")
    text = (
        "<h1>调试错误，请回到请求来源地，重新发起请求。</h1>"
        f"<p>错误代码 <b>{escape(code)}</b></p><p>错误原因: <code>{escape(sub_msg)}</code></p>"
    )
    return _page("支付宝 - 网上支付 安全快速！", text, "GBK").encode("gbk", "xmlcharrefreplace")


def front(app_id: str, seller_id: str, scale: float, trades: Iterable[Trade]) -> str:
    rows = "".join(_trade_row(trade) for trade in trades)
    columns = ("时间 Time", "商户订单号 Order", "商品 Item", "金额 Amount", "已退 Refunded", "状态 Status", "")
    table = f"<table><tr>{''.join(f'<th>{column}' for column in columns)}</tr>{rows}</table>"
    return _page(
        "本地支付宝 Local Alipay",
        "<h1>本地支付宝 Local Alipay</h1><p class='grey'>A stand-in for Alipay's Open Platform (v2) on this machine: "
        "<code>/gateway.do</code>, the cashier, notifies and bills. No real money, no network.</p>"
        f"{_list(('app_id', app_id), ('seller_id', seller_id), ('time scale', f'{scale:g}'))}"
        "<p><a href='/admin/trades'>trades</a> · <a href='/admin/notifies'>notifies</a> · "
        "<a href='/admin/faults'>faults</a> · <a href='/admin/switches'>switches</a> · "
        f"<a href='/admin/clock'>clock</a></p><div class='scroll'>{table}</div>",
        wide=True,
    )


def _trade_row(trade: Trade) -> str:
    link = f"<a href='/cashier/{trade.token}'>收银台</a>" if trade.status == WAITING else ""
    grey = " class='grey'" if trade.status == CLOSED else ""
    return (
        f"<tr{grey}><td>{clock.written(trade.created_at)}<td><a href='/admin/trades/{escape(trade.out_trade_no)}'>"
        f"{escape(trade.out_trade_no)}</a><td>{escape(trade.subject)}<td class='n'>{yuan(trade.total_fen)}"
        f"<td class='n'>{yuan(trade.refunded_fen)}<td>{trade.status}<td>{link}</tr>"
    )


def _button(offer: Offer, step: str, label: str, quiet: bool = False) -> str:
    style = ' class="quiet"' if quiet else ""
    return (
        f'<form method="post" action="/cashier/{offer.token}/{step}">'
        f'<button type="submit"{style}>{escape(label)}</button></form>'
    )


def _list(*facts: tuple[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts) + "</dl>"


def _page(title: str, body: str, charset: str = "utf-8", wide: bool = False) -> str:
    main = '<main class="wide">' if wide else "<main>"
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="{charset}"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head>"
        f"<body>{main}{body}</main></body></html>"
    )
