// The shop in figures, as it is now: money and faults first.

import { call } from "./api.js";
import { h, redraw, say } from "./dom.js";
import { sentence } from "./faults.js";
import { duration } from "./format.js";
import { t } from "./language.js";
import { isAboutMoney } from "./words.js";

const EVERY_MILLISECONDS = 5000;
const LATE_SECONDS = 10;

const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

/** Draws them into `place`, again and again while the page is looked at; `onRead` hears of each. */
export async function followFigures(place, signal, onRead) {
  const read = async () => {
    const now = await call("GET", "/v1/figures", { signal });
    redraw(place, tiles(now));
    onRead(now);
  };
  const again = async () => {
    try {
      if (!document.hidden) await read();
      place.classList.remove("stale");
    } catch (fault) {
      if (signal.aborted) return;
      if (!place.classList.contains("stale")) say(t("实时数字暂时读不到：", "The figures cannot be read just now: ") + sentence(fault), "bad");
      place.classList.add("stale");
    }
    setTimeout(() => { if (!signal.aborted) again(); }, EVERY_MILLISECONDS);
  };
  await again();
}

function tiles(now) {
  const money = sum(Object.fromEntries(Object.entries(now.stuck).filter(([kind]) => isAboutMoney(kind))));
  const others = sum(now.stuck) - money;
  const { waiting = 0, alone = 0, parked = 0 } = now.accepted;
  const unknown = now.refunds_waiting.unknown ?? 0;
  const { alipay_recent_failing_calls: failing, alipay_breakers_open: breakers } = now;
  return [
    tile(t("涉钱待办", "Stuck: money"), money, t("需要人工", "needs a person"), money > 0 && "bad"),
    tile(t("其他待办", "Stuck: other"), others, t("需要人工", "needs a person"), others > 0 && "warn"),
    tile(t("支付宝失败调用", "Alipay calls failing"), failing ?? "–", t(`最近 5 分钟，共 ${now.alipay_recent_calls ?? "–"} 次`, `of ${now.alipay_recent_calls ?? "–"} in 5 minutes`), failing > 0 && "bad"),
    tile(t("支付宝熔断", "Alipay breaker"), ...breaker(breakers), breakers > 0 && "bad"),
    tile(t("退款途中", "Refunds under way"), sum(now.refunds_waiting), t(`其中结果未知 ${unknown}`, `${unknown} of unknown fate`), unknown > 0 && "bad"),
    tile(t("每秒订单", "Orders a second"), (now.orders_last_minute / 60).toFixed(1), t(`最近一分钟 ${now.orders_last_minute} 笔`, `${now.orders_last_minute} in a minute`)),
    tile(t("积压订单", "Backlog"), waiting + alone, t(`已接收未处理，搁置 ${parked}`, `not placed; ${parked} parked`), now.accepted_seconds > LATE_SECONDS && "warn"),
    tile(t("最久等待", "Oldest waits"), duration(now.accepted_seconds), t("已接收的订单", "of the accepted"), now.accepted_seconds > LATE_SECONDS && "warn"),
    tile(t("待付款", "Unpaid"), now.payments_open, t("仍可能付款", "may still bring money")),
    tile(t("通知待处理", "Notifies waiting"), now.notifies_waiting, duration(now.notifies_waiting_seconds), now.notifies_waiting_seconds > LATE_SECONDS && "warn"),
    tile(t("事件延迟", "Relay lag"), duration(now.relay_behind_seconds), t(`${now.relay_behind_events} 个事件`, `${now.relay_behind_events} event${now.relay_behind_events === 1 ? "" : "s"}`), now.relay_behind_seconds > LATE_SECONDS && "warn"),
    tile(t("售罄商品", "Sold out"), now.skus_sold_out, t("在售而无库存的 SKU", "SKUs on sale without stock")),
  ];
}

function breaker(open) {
  if (open === null) return ["–", t("Redis 不可用", "Redis is away")];
  if (!open) return [t("闭合", "closed"), t("正常调用", "calls go through")];
  return [t("断开", "open"), t(`${open} 个进程暂停调用`, `in ${open} process${open === 1 ? "" : "es"}`)];
}

function tile(name, value, meaning, tone) {
  return h("div", { className: `tile ${tone || ""}` }, h("dt", {}, name), h("dd", {}, h("b", {}, String(value)), h("small", {}, meaning)));
}
