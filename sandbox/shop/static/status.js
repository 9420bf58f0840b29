// The order's status words, in the buyer's language.

import { h } from "./dom.js";

const STATUS = {
  accepted: ["已接收", "Accepted", "wait"],
  rejected: ["未成交", "Rejected", "bad"],
  awaiting_payment: ["待付款", "Awaiting payment", "wait"],
  awaiting_shipment: ["待发货", "Awaiting shipment", "good"],
  shipped: ["已发货", "Shipped", "good"],
  completed: ["已完成", "Completed", "good"],
  closed: ["已关闭", "Closed", "off"],
};

const REASON = {
  out_of_stock: ["库存不足", "out of stock"],
  price_changed: ["价格已变动", "the price has changed"],
  unknown_sku: ["商品不存在", "no such product"],
  not_on_sale: ["商品已下架", "not on sale"],
  limit_exceeded: ["未付款订单过多", "too many unpaid orders"],
  total_too_large: ["金额过大", "the total is too large"],
  expired: ["超时未付款", "not paid in time"],
  cancelled: ["已取消", "cancelled"],
  refunded: ["已全额退款", "refunded in full"],
};

/** The status and its reason: `{chinese, english, tone}`. */
export function statusOf(order) {
  const [chinese, english, tone] = STATUS[order.status];
  const [why, because] = REASON[order.reason] ?? [];
  return { chinese: why ? `${chinese} · ${why}` : chinese, english: because ? `${english}: ${because}` : english, tone };
}

export function statusTag(order) {
  const { chinese, english, tone } = statusOf(order);
  return h("span", { className: `tag ${tone}`, title: english }, chinese);
}

/** How far the order has come: steps as `{chinese, english, at, state}`. */
export function steps(order) {
  const isCash = order.pay_method === "cash";
  const isOver = order.status === "closed" || order.status === "rejected";
  const reached = ["accepted", "awaiting_payment", "awaiting_shipment", "shipped", "completed"].indexOf(order.status);
  const way = [
    ["已接收", "Accepted", order.accepted_at, 0],
    ["已占库存", "Placed", order.placed_at, 1],
    ...(isCash ? [] : [["已付款", "Paid", order.paid_at, 2]]),
    ["已发货", "Shipped", null, 3],
    ["已完成", "Completed", null, 4],
  ].map(([chinese, english, at, place]) => ({ chinese, english, at, state: at || (!isOver && reached >= place) ? "done" : "ahead" }));
  if (!isOver) return way;
  const { chinese, english } = statusOf(order);
  return [...way.filter((step) => step.state === "done"), { chinese, english, at: order.closed_at, state: "over" }];
}
