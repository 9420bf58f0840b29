// The order's status words, in the buyer's language.

import { h } from "./dom.js";
import { words } from "./language.js";

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
  limit_exceeded: ["超过限购", "over a limit"],
  total_too_large: ["金额过大", "the total is too large"],
  not_delivered: ["不送到该地区", "not delivered there"],
  expired: ["超时未付款", "not paid in time"],
  cancelled: ["已取消", "cancelled"],
  refunded: ["已全额退款", "refunded in full"],
};

const SENTENCE = {
  out_of_stock: ["库存不足，整单未成交，没有扣款。", "Less was left than you wanted; nothing was sold and nothing is owed."],
  price_changed: ["下单时价格变了，没有成交。请回商店按新价格再下单。", "The price changed while you ordered; nothing was sold. Order again at the new price."],
  limit_exceeded: ["超过每人限购数量，或未付款的订单太多。", "More than one buyer may have, or too many unpaid orders."],
  not_on_sale: ["商品已下架，没有成交。", "It is not on sale any more; nothing was sold."],
  unknown_sku: ["商品已不存在，没有成交。", "It does not exist any more; nothing was sold."],
  total_too_large: ["金额超过上限，没有成交。", "The total is too large; nothing was sold."],
  not_delivered: ["暂不送到这个地区，没有成交。", "We do not deliver to this region; nothing was sold."],
  expired: ["没有在期限内付款，库存已释放。若之后到账，会恢复订单或全额退款。", "It was not paid in time. Money that still arrives reinstates the order or goes back in full."],
  cancelled: ["您取消了订单。若已付款，会全额退回。", "You cancelled it. What was paid goes back in full."],
  refunded: ["货款已全额退回。", "All that was paid has gone back."],
};

/** The status and its reason: `{text, tone}`. */
export function statusOf(order) {
  const [chinese, english, tone] = STATUS[order.status];
  const why = REASON[order.reason];
  return { text: words(chinese, english) + (why ? words(` · ${why[0]}`, `: ${why[1]}`) : ""), tone };
}

/** What that means for the buyer, in a sentence; null where the status says it all. */
export function meaningOf(order) {
  if (order.status === "accepted") return words("正在为您占库存，马上就好。", "It is being placed: stock is taken for you. This takes a moment.");
  return SENTENCE[order.reason] ? words(...SENTENCE[order.reason]) : null;
}

export function statusTag(order) {
  const { text, tone } = statusOf(order);
  return h("span", { className: `tag ${tone}` }, text);
}

/** How far the order has come: steps as `{text, at, state}`. */
export function steps(order) {
  const isCash = order.pay_method === "cash";
  const isOver = order.status === "closed" || order.status === "rejected";
  const reached = ["accepted", "awaiting_payment", "awaiting_shipment", "shipped", "completed"].indexOf(order.status);
  const way = [
    [words("已接收", "Accepted"), order.accepted_at, 0],
    [words("已占库存", "Placed"), order.placed_at, 1],
    ...(isCash ? [] : [[words("已付款", "Paid"), order.paid_at, 2]]),
    [words("已发货", "Shipped"), order.shipped_at, 3],
    [words("已完成", "Completed"), order.completed_at, 4],
  ].map(([text, at, place]) => ({ text, at, state: at || (!isOver && reached >= place) ? "done" : "ahead" }));
  if (!isOver) return way;
  return [...way.filter((step) => step.state === "done"), { text: statusOf(order).text, at: order.closed_at, state: "over" }];
}
