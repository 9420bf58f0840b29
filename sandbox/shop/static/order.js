// One order, live: the page follows it through the server-sent events of `events_url`.

import { address, call, now } from "./api.js";
import { busy, button, confirmed, h, redraw, yuan } from "./dom.js";
import { shortly, words } from "./language.js";
import { facts, goods, parcels, refunds } from "./receipt.js";
import { meaningOf, statusOf, steps } from "./status.js";

const RENEW_MILLISECONDS = 2000;
const OVER = ["rejected", "completed"];
const CANCELLABLE = ["accepted", "awaiting_payment"];
const MOST_SKUS = 200;

let stream = null;
let ticking = 0;
let chosen = "0";

export async function showOrder(main, orderId) {
  main.className = "order";
  const offline = h("p", { id: "offline", role: "status", hidden: true }, words("连接断开，正在重连…", "The connection is lost; trying again…"));
  const view = h("div", { className: "order" });
  try {
    const [order, { skus }] = await Promise.all([call("GET", `/v1/orders/${orderId}`), call("GET", `/v1/skus?limit=${MOST_SKUS}`)]);
    main.replaceChildren(back(), offline, view);
    const page = new OrderPage(view, offline, new Map(skus.map((sku) => [sku.id, sku.title])));
    await page.take(order);
    page.follow(order);
  } catch (error) {
    if (error.status !== 404) throw error;
    main.replaceChildren(back(), h("section", { className: "card empty" }, h("h1", {}, words("这里没有您的订单。", "None of your orders is here."))));
  }
}

const back = () => h("p", {}, h("a", { className: "back", href: "/" }, words("← 继续购物", "← Back to the shop")));

class OrderPage {
  constructor(view, offline, titles) {
    Object.assign(this, { view, offline, titles, order: null, refunds: [] });
  }

  /** Shows the order as it is by now, and what has gone back of its money. */
  async take(order) {
    this.order = order;
    this.draw();
    // Money that came for a closed order goes back, and makes it no paid one.
    if (!order.paid_at && order.status !== "closed") return;
    const found = await call("GET", `/v1/orders/${order.id}/refunds`).catch(() => ({ refunds: this.refunds }));
    if (this.order !== order) return;
    this.refunds = found.refunds;
    this.draw();
  }

  draw() {
    const { order } = this;
    document.title = `#${order.id} ${statusOf(order).text}`;
    clearInterval(ticking);
    redraw(this.view,
      h("section", { className: "card" },
        h("p", { className: "number" }, words(`订单 #${order.id}`, `Order #${order.id}`)),
        this.headline(),
        meaningOf(order) ? h("p", { className: "meaning" }, meaningOf(order)) : null,
        h("ol", { className: "steps" }, steps(order).map(stepView)),
        this.actions()),
      parcels(order, this.titles), refunds(this.refunds), goods(order, this.titles), facts(order));
  }

  follow(order) {
    stream?.close();
    const own = stream = new EventSource(address(order.events_url));
    own.onopen = () => { this.offline.hidden = true; };
    own.onmessage = (event) => {
      const fresh = JSON.parse(event.data);
      this.take(fresh);
      if (OVER.includes(fresh.status)) own.close();
    };
    own.onerror = () => {
      this.offline.hidden = false;
      // The browser itself comes back after an interruption; a refused token needs a new address from the order.
      if (own.readyState === EventSource.CLOSED) setTimeout(() => this.renew(), RENEW_MILLISECONDS);
    };
  }

  async renew() {
    try {
      const order = await call("GET", `/v1/orders/${this.order.id}`);
      this.take(order);
      this.follow(order);
    } catch {
      setTimeout(() => this.renew(), RENEW_MILLISECONDS);
    }
  }

  headline() {
    const { order } = this;
    const left = h("b", { className: "left" });
    const isWaiting = order.status === "awaiting_payment";
    if (isWaiting) {
      const show = () => {
        left.textContent = remaining(order) ? words(`剩余 ${clock(remaining(order))}`, `${clock(remaining(order))} left`) : words("付款时间已到", "time is over");
      };
      show();
      ticking = setInterval(() => {
        show();
        if (!remaining(order) && document.getElementById("pay")) this.draw();
      }, 1000);
    }
    return h("h1", {}, statusOf(order).text, isWaiting ? left : null);
  }

  actions() {
    const { order } = this;
    const isPayable = order.status === "awaiting_payment" && remaining(order) > 0;
    const isOpen = CANCELLABLE.includes(order.status) || (order.status === "awaiting_shipment" && order.pay_method === "cash");
    const parts = installments();
    const pay = button("pay", words(`去支付宝付款 ${yuan(order.total_amount)}`, `Pay ${yuan(order.total_amount)} with Alipay`), () => busy(pay, () => openCashier(order, Number(parts.value))), "primary");
    const cancel = button("cancel", words("取消订单", "Cancel the order"), () => busy(cancel, () => this.cancel()), "quiet");
    const complete = button("complete", words("确认收货", "I have the goods"), () => busy(complete, () => this.step("complete")), "primary");
    return h("div", { className: "actions" },
      isPayable ? [parts, pay] : null, order.status === "shipped" ? complete : null, isOpen ? cancel : null);
  }

  async cancel() {
    const question = words("确定取消这笔订单吗？取消后不能恢复。", "Cancel this order? It cannot be undone.");
    if (await confirmed(question, words("取消订单", "Cancel it"), words("保留", "Keep it"))) await this.step("cancel");
  }

  async step(name) {
    await this.take(await call("POST", `/v1/orders/${this.order.id}/${name}`, {}));
  }
}

const remaining = (order) => Math.max(0, Math.round((new Date(order.pay_before) - now()) / 1000));
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

function stepView(step) {
  return h("li", { className: step.state }, step.text, step.at ? h("time", { dateTime: step.at }, shortly(step.at)) : null);
}

/** At once, or 花呗分期; what was chosen stays chosen when the order is drawn anew. */
function installments() {
  const choices = [[0, words("一次付清", "at once")], ...[3, 6, 12].map((number) => [number, words(`花呗分 ${number} 期`, `${number} instalments`)])];
  const select = h("select", { id: "parts", onchange: () => { chosen = select.value; }, "aria-label": words("分期", "Instalments") },
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
