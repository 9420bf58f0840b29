// One order: what was bought, the money, the parcels, and its whole story. It is drawn anew as soon as it changes.

import { actionsOf } from "./actions.js";
import { call, send } from "./api.js";
import { facts, h, link, redraw, say, section, time } from "./dom.js";
import { yuan } from "./format.js";
import { t, word } from "./language.js";
import { underWay } from "./refund.js";
import { timelineView } from "./timeline.js";
import { METHOD, PAYMENT, REFUND, SOURCE, statusTag, statusWords } from "./words.js";

const WAIT_SECONDS = 25;
const PAUSE_MILLISECONDS = 3000;

export async function showOrder({ main, signal, id }) {
  const body = h("div", { className: "order" });
  let status = null;
  const read = async () => {
    const story = await readAll(id, signal);
    redraw(body, orderView(story, read));
    if (status !== null && status !== story.order.status) say(t("订单状态：", "The order is now: ") + statusWords(story.order));
    status = story.order.status;
    return story.etag;
  };
  const etag = await read();
  document.title = t(`订单 #${id} · 运营台`, `Order #${id} · Console`);
  main.replaceChildren(body);
  follow(id, etag, signal, read);
}

async function readAll(id, signal) {
  const path = `/v1/orders/${id}`;
  const answer = await send("GET", path, { signal });
  const [order, timeline, { payments }, { refunds }] = await Promise.all(
    [answer.json(), ...["timeline", "payments", "refunds"].map((part) => call("GET", `${path}/${part}`, { signal }))]);
  return { order, etag: answer.headers.get("ETag"), timeline, payments, refunds };
}

/** Waits at the API until the order is another than that of `etag`, and draws it, again and again. */
async function follow(id, etag, signal, read) {
  let known = etag;
  while (!signal.aborted) {
    try {
      const headers = { "If-None-Match": known, Prefer: `wait=${WAIT_SECONDS}` };
      const answer = await send("GET", `/v1/orders/${id}`, { headers, signal });
      if (answer.status === 200) known = await read();
    } catch {
      if (signal.aborted) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
    }
  }
}

function orderView(story, read) {
  const { order, payments, refunds, timeline } = story;
  return [
    h("div", { className: "head" },
      h("div", {}, h("h1", { id: "order-title", tabIndex: -1 }, t("订单 ", "Order "), `#${order.id}`), statusTag(order)),
      h("p", { className: "total" }, order.total_amount ? yuan(order.total_amount) : "–", h("small", {}, word(METHOD, order.pay_method)))),
    actionsOf(story, read),
    h("div", { className: "columns" },
      h("div", {},
        section(t("商品", "Lines"), lines(order, refunds), totals(order)),
        section(t("付款", "Payments"), payments.length ? h("ul", { className: "rows" }, payments.map(payment)) : none()),
        refunds.length ? section(t("退款", "Refunds"), h("ul", { className: "rows" }, refunds.map(refund))) : null,
        order.shipments.length ? section(t("包裹", "Parcels"), h("ul", { className: "rows" }, order.shipments.map(parcel))) : null,
        section(t("收货与单据", "Delivery and numbers"), about(order))),
      section(t("时间线", "Timeline"), h("p", { className: "quiet" }, t("北京时间", "Beijing time")), timelineView(timeline))),
  ];
}

const none = () => h("p", { className: "quiet" }, t("没有。", "None."));

function lines(order, refunds) {
  const short = new Map((order.shortages ?? []).map((shortage) => [shortage.sku_id, shortage.available]));
  return h("ul", { className: "rows" }, order.items.map((line) => h("li", {},
    h("div", { className: "line" }, h("strong", {}, line.title ?? `SKU ${line.sku_id}`), h("span", { className: "amount" }, line.amount ? yuan(line.amount) : "")),
    h("p", { className: "quiet" }, [
      `SKU ${line.sku_id}`,
      line.unit_price ? `${yuan(line.unit_price)} × ${line.quantity}` : `× ${line.quantity}`,
      Number(line.discount) > 0 && t(`优惠 ${yuan(line.discount)}`, `${yuan(line.discount)} off`),
      line.shipped_quantity > 0 && t(`已发 ${line.shipped_quantity}`, `${line.shipped_quantity} shipped`),
      underWay(line, refunds) > 0 && t(`退款中 ${underWay(line, refunds)}`, `${underWay(line, refunds)} going back`),
      line.refunded_quantity > 0 && t(`已退 ${line.refunded_quantity}`, `${line.refunded_quantity} refunded`),
    ].filter(Boolean).join(" · ")),
    short.has(line.sku_id) ? h("p", { className: "fault" }, t(`只剩 ${short.get(line.sku_id)} 件`, `only ${short.get(line.sku_id)} left`)) : null)));
}

function totals(order) {
  if (!order.total_amount) return null;
  return h("dl", { className: "totals" }, [
    [t("商品", "Goods"), order.goods_amount],
    Number(order.discount) > 0 && [t("优惠", "Discount"), `-${order.discount}`],
    [t("运费", "Freight"), order.freight],
    [t("合计", "Total"), order.total_amount],
  ].filter(Boolean).map(([name, amount]) => h("div", {}, h("dt", {}, name), h("dd", {}, yuan(amount).replace("¥-", "−¥")))));
}

function payment(one) {
  return h("li", {},
    h("div", { className: "line" }, h("span", {}, h("strong", {}, word(PAYMENT, one.status)), one.method ? ` · ${word(METHOD, one.method)}` : "", one.installments ? t(` · 分 ${one.installments} 期`, ` · ${one.installments} installments`) : ""),
      h("span", { className: "amount" }, yuan(one.amount))),
    h("p", { className: "quiet" }, h("span", { className: "label" }, t("商户单号 ", "out_trade_no ")), h("code", {}, one.out_trade_no)),
    one.trade_no ? h("p", { className: "quiet" }, h("span", { className: "label" }, t("交易号 ", "trade_no ")), h("code", {}, one.trade_no)) : null,
    Number(one.refunded_amount) > 0 ? h("p", {}, t("已退 ", "Refunded "), yuan(one.refunded_amount)) : null,
    one.status === "paid" && !one.kept ? h("p", { className: "fault" }, t("这笔钱没有留下：正在退回。", "This money is not kept: it goes back.")) : null);
}

const REFUND_TONE = { requested: "wait", unknown: "bad", succeeded: "good", failed: "bad" };

function refund(one) {
  return h("li", {},
    h("div", { className: "line" }, h("span", {}, h("span", { className: `tag ${REFUND_TONE[one.status]}` }, word(REFUND, one.status)), ` ${word(SOURCE, one.source)}`), h("span", { className: "amount" }, yuan(one.amount))),
    one.items?.length ? h("p", {}, one.items.map((line) => `SKU ${line.sku_id} × ${line.quantity} ${yuan(line.amount)}`).join(" · "), Number(one.freight) > 0 ? t(` · 运费 ${yuan(one.freight)}`, ` · freight ${yuan(one.freight)}`) : "") : null,
    one.reason ? h("p", {}, one.reason) : null,
    one.error ? h("p", { className: "fault", lang: "en" }, one.error) : null,
    h("p", { className: "quiet" }, t("退款 ", "Refund "), `${one.id} · `, time(one.requested_at), one.finished_at ? [" → ", time(one.finished_at)] : null));
}

function parcel(one) {
  return h("li", {},
    h("div", { className: "line" }, h("strong", {}, `${one.carrier} `, h("code", {}, one.tracking_number)), time(one.shipped_at)),
    h("p", { className: "quiet" }, one.items.map((line) => `SKU ${line.sku_id} × ${line.quantity}`).join(" · ")));
}

function about(order) {
  const { recipient, phone, region, detail } = order.address;
  return facts([
    [t("收件人", "Recipient"), `${recipient} ${phone}`],
    [t("地址", "Address"), `${region} ${detail}`],
    [t("备注", "Remark"), order.remark],
    [t("用户", "User"), order.user_id && link(`#/orders?find=${order.user_id}`, order.user_id, { id: "user" })],
    [t("外部单号", "Reference"), order.reference],
    ...Object.entries(order.metadata),
    [t("下单", "Accepted"), time(order.accepted_at)],
    [t("付款期限", "Pay before"), order.status === "awaiting_payment" && order.pay_before && time(order.pay_before)],
    [t("付款", "Paid"), order.paid_at && time(order.paid_at)],
    [t("发货", "Shipped"), order.shipped_at && time(order.shipped_at)],
    [t("完成", "Completed"), order.completed_at && time(order.completed_at)],
    [t("关闭", "Closed"), order.closed_at && time(order.closed_at)],
  ]);
}
