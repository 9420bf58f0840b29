// What an order consists of: its goods, parcels, refunds, and where and how they go.

import { h, yuan } from "./dom.js";
import { words, written } from "./language.js";

const REFUND = {
  requested: ["退款处理中", "on its way"],
  unknown: ["等待支付宝确认", "waiting for Alipay's word"],
  succeeded: ["已退回", "has gone back"],
  failed: ["退款失败，客服会处理", "failed; the shop looks after it"],
};

const card = (heading, ...children) => h("section", { className: "card" }, h("h2", {}, heading), ...children);
const line = (name, amount, className = "") => h("p", { className: `line ${className}` }, name, h(className ? "strong" : "span", {}, amount));

export function goods(order, titles) {
  const short = new Map((order.shortages ?? []).map((shortage) => [shortage.sku_id, shortage.available]));
  const lines = order.items.map((item) => h("li", {},
    h("span", {}, item.title ?? titles.get(item.sku_id) ?? `SKU ${item.sku_id}`,
      h("small", {}, item.unit_price ? `${yuan(item.unit_price)} × ${item.quantity}` : `× ${item.quantity}`),
      item.refunded_quantity ? h("small", {}, words(`已退 ${item.refunded_quantity} 件`, `${item.refunded_quantity} refunded`)) : null,
      short.has(item.sku_id) ? h("small", { className: "short" }, words(`仅剩 ${short.get(item.sku_id)} 件`, `${short.get(item.sku_id)} left`)) : null),
    h("span", {}, item.amount ? yuan(item.amount) : "")));
  const totals = order.total_amount ? [
    Number(order.discount ?? 0) > 0 ? line(words("优惠", "Discount"), `-${yuan(order.discount)}`) : null,
    line(words("运费", "Freight"), yuan(order.freight)),
    line(owed(order), yuan(order.total_amount), "total"),
  ] : [];
  return card(words("商品", "Items"), h("ul", { className: "lines" }, lines), ...totals.filter(Boolean));
}

function owed(order) {
  if (order.paid_at) return words("已付", "Paid");
  if (order.status === "closed" || order.status === "rejected") return words("合计", "Total");
  return order.pay_method === "cash" ? words("货到应付", "To pay on delivery") : words("应付", "To pay");
}

export function parcels(order, titles) {
  if (!order.shipments.length) return null;
  const known = new Map(order.items.map((item) => [item.sku_id, item.title]));
  const title = (id) => known.get(id) ?? titles.get(id) ?? `SKU ${id}`;
  return card(words(`包裹 ${order.shipments.length} 个`, `Parcels: ${order.shipments.length}`),
    h("ul", { className: "parcels" }, order.shipments.map((parcel) => h("li", {},
      h("strong", {}, `${parcel.carrier} ${parcel.tracking_number}`),
      h("small", {}, written(parcel.shipped_at)),
      h("small", {}, parcel.items.map((item) => `${title(item.sku_id)} × ${item.quantity}`).join("、"))))));
}

export function refunds(found) {
  if (!found.length) return null;
  return card(words("退款", "Refunds"), h("ul", { className: "lines" }, found.map((refund) => h("li", {},
    h("span", {}, words(...REFUND[refund.status]), h("small", {}, [refund.reason, written(refund.finished_at ?? refund.requested_at)].filter(Boolean).join(" · "))),
    h("span", {}, yuan(refund.amount))))));
}

export function facts(order) {
  const { recipient, phone, region, detail } = order.address;
  const rows = [
    [words("收货", "Delivery"), `${recipient} ${phone} · ${region} ${detail}`],
    [words("付款方式", "Method"), order.pay_method === "cash" ? words("货到付款", "Cash on delivery") : words("支付宝", "Alipay")],
    [words("下单时间", "Ordered"), written(order.accepted_at)],
    order.paid_at && [words("付款时间", "Paid"), written(order.paid_at)],
    order.status === "awaiting_payment" && [words("付款期限", "Pay before"), written(order.pay_before)],
    order.payment?.trade_no && [words("支付宝交易号", "Alipay trade"), order.payment.trade_no],
  ].filter(Boolean);
  return card(words("收货与付款", "Delivery and payment"), h("dl", {}, rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}
