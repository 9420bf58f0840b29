// The shop: catalogue, cart, and the buyer's own orders.

import { call, freight, takes } from "./api.js";
import { Cart } from "./cart.js";
import { busy, button, h, say, words, yuan } from "./dom.js";
import { orderFromCart } from "./placing.js";
import { statusOf, statusTag } from "./status.js";

const MOST_SKUS = 200;
const MOST_ORDERS = 10;
const MOST_UNITS = 999;

export async function showShop(main) {
  const shelf = h("section", { className: "shelf" });
  const basket = h("section", { className: "card basket" });
  const history = h("section", { className: "card" });
  const [{ skus }, kept, { orders }] = await Promise.all([
    call("GET", `/v1/skus?limit=${MOST_SKUS}`), call("GET", "/v1/cart"), call("GET", `/v1/orders?limit=${MOST_ORDERS}`),
  ]);
  const known = new Map(skus.map((sku) => [sku.id, sku]));
  const cart = new Cart(kept.items, () => basket.replaceChildren(...cartView(cart, known)));
  const add = (sku) => cart.set(sku.id, Math.min(MOST_UNITS, cart.quantityOf(sku.id) + 1));

  const shown = skus.filter((sku) => sku.on_sale).sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
  shelf.replaceChildren(...shown.map((sku) => skuView(sku, add)));
  history.replaceChildren(...ordersView(orders));
  cart.ondraw();
  main.className = "shop";
  main.replaceChildren(
    h("div", {}, h("h1", {}, words("今日上架", "On the shelf")), shelf),
    h("aside", {}, basket, history),
  );
}

function skuView(sku, add) {
  const take = button("加入购物车", "Add to cart", () => add(sku).catch((error) => say(error.message, true)), "quiet");
  take.disabled = !sku.in_stock;
  return h("article", { className: sku.in_stock ? "sku" : "sku gone" },
    h("div", { className: `picture tone${tone(sku.spu_id)}`, "aria-hidden": "true" }, [...sku.title][0]),
    h("h2", {}, sku.title),
    h("p", { className: "line" },
      h("strong", {}, yuan(sku.price)),
      h("span", { className: "stock" }, sku.in_stock ? "有货" : "售罄", h("small", {}, sku.in_stock ? " in stock" : " sold out"))),
    take);
}

/** One of six colours, the same for all variants of a product. */
const tone = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 6, 0);

function cartView(cart, known) {
  const heading = h("h2", {}, words("购物车", "Cart"));
  if (!cart.items.length) return [heading, h("p", { className: "empty" }, "空空如也，挑一件吧。", h("small", {}, "Nothing here yet."))];
  const selected = cart.items.filter((item) => item.selected);
  const total = totals(selected, known);
  const order = button("提交订单", "Place the order", () => busy(order, () => placeWith(cart, known, "alipay", total)), "primary");
  const cash = button("货到付款", "Cash on delivery", () => busy(cash, () => placeWith(cart, known, "cash", total)), "quiet");
  order.disabled = cash.disabled = !selected.length;
  return [
    heading,
    h("ul", { className: "lines" }, cart.items.map((item) => lineView(item, known.get(item.sku_id), cart))),
    h("p", { className: "line" }, words("商品", "Goods"), h("span", {}, yuan(total.goods))),
    h("p", { className: "line" }, words("运费", "Freight"), h("span", {}, yuan(total.freight))),
    h("p", { className: "line total" }, words("应付合计", "Total"), h("strong", {}, yuan(total.all))),
    h("div", { className: "actions" }, takes("alipay") ? order : null, takes("cash") ? cash : null),
  ];
}

/** Orders what the buyer has seen: the clicks before this one have arrived, and the service compares the total. */
async function placeWith(cart, known, payMethod, seen) {
  await cart.settled();
  if (totals(cart.items.filter((item) => item.selected), known).all !== seen.all) {
    throw new Error("购物车刚刚变了，请再确认一次。 The cart has just changed; look again.");
  }
  const order = await orderFromCart(payMethod, seen.all);
  location.assign(`/orders/${order.id}`);
}

function lineView(item, sku, cart) {
  const set = (quantity, selected) => cart.set(item.sku_id, quantity, selected).catch((error) => say(error.message, true));
  const title = sku?.title ?? `SKU ${item.sku_id}`;
  return h("li", {},
    h("label", {},
      h("input", { type: "checkbox", checked: item.selected, onchange: (event) => set(item.quantity, event.target.checked) }),
      h("span", {}, title, h("small", {}, sku ? yuan(sku.price) : ""))),
    h("span", { className: "count" },
      h("button", { type: "button", "aria-label": `少一件 ${title}`, onclick: () => set(item.quantity - 1, item.selected) }, "−"),
      h("output", {}, item.quantity),
      h("button", { type: "button", "aria-label": `多一件 ${title}`, disabled: item.quantity >= MOST_UNITS, onclick: () => set(item.quantity + 1, item.selected) }, "+")));
}

/** Yuan as text, added up in fen, because 0.1 + 0.2 is not 0.3. */
function totals(items, known) {
  const goods = items.reduce((sum, item) => sum + fen(known.get(item.sku_id)?.price ?? "0") * item.quantity, 0);
  const { fee, free_from: freeFrom } = freight();
  const sent = !goods || (fen(freeFrom) && goods >= fen(freeFrom)) ? 0 : fen(fee);
  return { goods: written(goods), freight: written(sent), all: written(goods + sent) };
}

const fen = (text) => Math.round(Number(text) * 100);
const written = (amount) => (amount / 100).toFixed(2);

function ordersView(orders) {
  const heading = h("h2", {}, words("我的订单", "My orders"));
  if (!orders.length) return [heading, h("p", { className: "empty" }, "还没有订单。", h("small", {}, "No orders yet."))];
  return [heading, h("ul", { className: "orders" }, orders.map((order) => h("li", {},
    h("a", { href: `/orders/${order.id}` },
      h("span", {}, `#${order.id}`, h("small", {}, order.items.map((line) => line.title ?? `SKU ${line.sku_id}`).join("、"))),
      h("span", { className: "right" }, statusTag(order), h("small", {}, order.total_amount ? yuan(order.total_amount) : statusOf(order).english)))))),
  ];
}
