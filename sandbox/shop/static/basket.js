// The cart: its lines, what they cost with freight before anybody orders, and what would refuse the order.

import { takes } from "./api.js";
import { busy, button, h, redraw, say, yuan } from "./dom.js";
import { obstacle } from "./faults.js";
import { words } from "./language.js";
import { orderFromCart } from "./placing.js";
import { Quote } from "./quote.js";

export const MOST_UNITS = 999;

/** Draws a cart into its place, and its sum into the bar that a phone shows at the foot of the page. */
export class Basket {
  constructor(cart, known, place, bar) {
    Object.assign(this, { cart, known, place, bar, quote: new Quote(() => this.draw()) });
  }

  get selected() {
    return this.cart.items.filter((item) => item.selected);
  }

  draw() {
    this.quote.want(this.selected);
    const count = this.cart.items.reduce((sum, item) => sum + item.quantity, 0);
    this.bar.hidden = !count;
    this.bar.textContent = words(`购物车 ${count} 件 · 去结算`, `Cart: ${count} · check out`);
    redraw(this.place, h("h2", { id: "cart" }, words("购物车", "Cart")), count ? this.filled() : nothing());
  }

  filled() {
    const answer = this.selected.length ? this.quote.answer : null;
    return [
      h("ul", { className: "lines" }, this.cart.items.map((item) => this.line(item))),
      this.selected.length ? sums(answer, this.quote.fault) : null,
      this.obstacles(answer),
      this.ways(answer),
    ];
  }

  line(item) {
    const { sku_id: id, quantity } = item;
    const sku = this.known.get(id);
    const title = sku?.title ?? `SKU ${id}`;
    const set = (count, selected) => this.cart.set(id, count, selected).catch((error) => say(error.message, true));
    const less = button(`less-${id}`, "−", () => set(quantity - 1, item.selected));
    const more = button(`more-${id}`, "+", () => set(Math.min(MOST_UNITS, quantity + 1), item.selected));
    less.setAttribute("aria-label", words(`少一件 ${title}`, `One less: ${title}`));
    more.setAttribute("aria-label", words(`多一件 ${title}`, `One more: ${title}`));
    const check = h("input", { id: `take-${id}`, type: "checkbox", checked: item.selected, onchange: (event) => set(quantity, event.target.checked) });
    return h("li", {},
      h("label", {}, check, h("span", {}, title, h("small", {}, sku ? yuan(sku.price) : ""))),
      h("span", { className: "count" }, less, h("output", {}, quantity), more));
  }

  obstacles(answer) {
    if (!answer?.problems.length) return null;
    return h("ul", { className: "problems", role: "status" }, answer.problems.map((problem) => h("li", {}, this.told(problem))));
  }

  ways(answer) {
    const isGood = answer !== null && !answer.problems.length;
    const way = (id, text, method, className) => {
      const place = button(id, text, () => isGood && busy(place, () => this.order(method, answer)), className);
      if (!isGood) place.setAttribute("aria-disabled", "true");
      return place;
    };
    return h("div", { className: "actions" },
      takes("alipay") ? way("order", words("提交订单", "Place the order"), "alipay", "primary") : null,
      takes("cash") ? way("cash", words("货到付款", "Cash on delivery"), "cash", "quiet") : null);
  }

  /** Orders what the buyer has seen: the clicks before this one have arrived, and the service compares the total. */
  async order(method, seen) {
    await this.cart.settled();
    if (this.quote.answer !== seen) throw new Error(words("购物车刚刚变了，请再确认一次。", "The cart has just changed; look again."));
    try {
      const order = await orderFromCart(method, seen.total_amount);
      location.assign(`/orders/${order.id}`);
    } catch (error) {
      this.quote.renew();
      this.draw();
      if (!error.shortages?.length) throw error;
      throw new Error(error.shortages.map((short) => this.told({ code: error.code, ...short })).join(" "));
    }
  }

  told(problem) {
    return obstacle(problem, this.known.get(problem.sku_id)?.title ?? `SKU ${problem.sku_id}`);
  }
}

const nothing = () => h("p", { className: "empty" }, words("空空如也，挑一件吧。", "Nothing here yet."));

function sums(answer, fault) {
  if (fault) return h("p", { className: "short", role: "status" }, fault.message);
  const line = (name, amount, className = "") => h("p", { className: `line ${className}` }, name, h(className ? "strong" : "span", {}, amount));
  const amount = (member) => (answer ? yuan(answer[member]) : "…");
  return [
    line(words("商品", "Goods"), amount("goods_amount")),
    Number(answer?.discount ?? 0) > 0 ? line(words("优惠", "Discount"), `-${amount("discount")}`) : null,
    line(words("运费", "Freight"), amount("freight")),
    line(words("应付合计", "Total"), amount("total_amount"), "total"),
  ];
}
