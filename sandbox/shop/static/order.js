// One order, live: the page follows it through the server-sent events of `events_url`.

import { address, call } from "./api.js";
import { busy, button, clock, h, words, yuan } from "./dom.js";
import { statusOf, steps } from "./status.js";

const RENEW_MILLISECONDS = 2000;
const OVER = ["rejected", "completed"];
const CANCELLABLE = ["accepted", "awaiting_payment"];

let stream = null;
let ticking = 0;
let chosen = "0";

export async function showOrder(main, orderId) {
  main.className = "order";
  const draw = (order) => {
    document.title = `#${order.id} ${statusOf(order).chinese}`;
    main.replaceChildren(...orderView(order, draw));
  };
  try {
    const order = await call("GET", `/v1/orders/${orderId}`);
    draw(order);
    follow(order, draw);
  } catch (error) {
    main.replaceChildren(back(), h("section", { className: "card empty" },
      error.status === 404 ? words("这里没有您的订单。", "None of your orders is here.") : error.message));
  }
}

const back = () => h("p", {}, h("a", { href: "/" }, "← 继续购物 ", h("small", {}, "Back to the shop")));

function follow(order, draw) {
  stream?.close();
  stream = new EventSource(address(order.events_url));
  stream.onmessage = (event) => {
    const fresh = JSON.parse(event.data);
    draw(fresh);
    if (OVER.includes(fresh.status)) stream.close();
  };
  stream.onerror = () => {
    // The browser itself comes back after an interruption; a refused token needs a new address from the order.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => renew(order.id, draw), RENEW_MILLISECONDS);
  };
}

async function renew(orderId, draw) {
  try {
    const order = await call("GET", `/v1/orders/${orderId}`);
    draw(order);
    follow(order, draw);
  } catch {
    setTimeout(() => renew(orderId, draw), RENEW_MILLISECONDS);
  }
}

function orderView(order, draw) {
  return [
    back(),
    h("section", { className: "card" },
      h("p", {}, `订单 #${order.id} `, h("small", {}, "Order")),
      headline(order),
      h("ol", { className: "steps" }, steps(order).map(stepView)),
      actions(order, draw)),
    h("section", { className: "card" }, h("h2", {}, words("商品", "Items")), ...goods(order)),
    h("section", { className: "card" }, h("h2", {}, words("收货与付款", "Delivery and payment")), facts(order)),
  ];
}

function headline(order) {
  const { chinese, english } = statusOf(order);
  clearInterval(ticking);
  const left = h("b", { className: "left" });
  const isWaiting = order.status === "awaiting_payment";
  if (isWaiting) {
    const show = () => { left.textContent = `剩余 ${remaining(order.pay_before)}`; };
    show();
    ticking = setInterval(show, 1000);
  }
  return h("h1", {}, words(chinese, english), isWaiting ? left : null);
}

function remaining(deadline) {
  const seconds = Math.max(0, Math.round((new Date(deadline) - Date.now()) / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function stepView(step) {
  return h("li", { className: step.state }, words(step.chinese, step.english), h("time", {}, step.at ? clock(step.at) : ""));
}

function actions(order, draw) {
  const parts = installments();
  const pay = button("去支付宝付款", "Pay with Alipay", () => busy(pay, () => openCashier(order, Number(parts.value))), "primary");
  const cancel = button("取消订单", "Cancel", () => busy(cancel, () => step(order, "cancel", draw)), "quiet");
  const complete = button("确认收货", "I have the goods", () => busy(complete, () => step(order, "complete", draw)), "primary");
  const isOpen = CANCELLABLE.includes(order.status) || (order.status === "awaiting_shipment" && order.pay_method === "cash");
  return h("div", { className: "actions" },
    order.status === "awaiting_payment" ? parts : null,
    order.status === "awaiting_payment" ? pay : null,
    order.status === "shipped" ? complete : null,
    isOpen ? cancel : null);
}

/** At once, or 花呗分期; what was chosen stays chosen when the order is drawn anew. */
function installments() {
  const choices = [[0, "一次付清 at once"], ...[3, 6, 12].map((number) => [number, `花呗分 ${number} 期 installments`])];
  const select = h("select", { onchange: () => { chosen = select.value; }, "aria-label": "分期 Installments" },
    choices.map(([number, text]) => h("option", { value: String(number) }, text)));
  select.value = chosen;
  return select;
}

/** A phone's browser gets the cashier for phones. */
async function openCashier(order, parts) {
  const method = matchMedia("(max-width: 640px)").matches ? "wap" : "page";
  const way = parts ? { method, installments: parts } : { method };
  const payment = await call("POST", `/v1/orders/${order.id}/payments`, way);
  location.assign(payment.pay_url);
}

async function step(order, name, draw) {
  draw(await call("POST", `/v1/orders/${order.id}/${name}`, {}));
}

function goods(order) {
  const short = new Map((order.shortages ?? []).map((shortage) => [shortage.sku_id, shortage]));
  const lines = order.items.map((line) => h("li", {},
    h("span", {}, line.title ?? `SKU ${line.sku_id}`,
      h("small", {}, line.unit_price ? `${yuan(line.unit_price)} × ${line.quantity}` : `× ${line.quantity}`),
      short.has(line.sku_id) ? h("small", { className: "short" }, `仅剩 ${short.get(line.sku_id).available} 件 left`) : null),
    h("span", {}, line.amount ? yuan(line.amount) : "")));
  const discount = Number(order.discount ?? 0) > 0
    ? h("p", { className: "line" }, words("优惠", "Discount"), h("span", {}, `-${yuan(order.discount)}`)) : null;
  const totals = order.total_amount ? [
    discount,
    h("p", { className: "line" }, words("运费", "Freight"), h("span", {}, yuan(order.freight))),
    h("p", { className: "line total" }, words("应付合计", "Total"), h("strong", {}, yuan(order.total_amount))),
  ] : [];
  return [h("ul", { className: "lines" }, lines), ...totals.filter(Boolean)];
}

function facts(order) {
  const { recipient, phone, region, detail } = order.address;
  const rows = [
    ["收货", "Delivery", `${recipient} ${phone} · ${region} ${detail}`],
    ["付款方式", "Method", order.pay_method === "cash" ? "货到付款 cash on delivery" : "支付宝 Alipay"],
    ...order.shipments.map((parcel) => ["包裹", "Parcel", `${parcel.carrier} ${parcel.tracking_number} · ${clock(parcel.shipped_at)}`]),
    order.pay_before && ["付款期限", "Pay before", clock(order.pay_before)],
    order.payment?.trade_no && ["支付宝交易号", "Trade", order.payment.trade_no],
    order.payment && Number(order.payment.refunded_amount) > 0 && ["已退款", "Refunded", yuan(order.payment.refunded_amount)],
  ].filter(Boolean);
  return h("dl", {}, rows.flatMap(([chinese, english, value]) => [h("dt", {}, words(chinese, english)), h("dd", {}, value)]));
}
