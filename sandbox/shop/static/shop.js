// The shop: catalogue, cart, and the buyer's own orders.

import { call } from "./api.js";
import { Basket, MOST_UNITS } from "./basket.js";
import { Cart } from "./cart.js";
import { button, h, say, yuan } from "./dom.js";
import { shortly, words } from "./language.js";
import { statusTag } from "./status.js";

const MOST_SKUS = 200;
const MOST_ORDERS = 10;

export async function showShop(main) {
  const [{ skus }, kept, { orders }] = await Promise.all([
    call("GET", `/v1/skus?limit=${MOST_SKUS}`), call("GET", "/v1/cart"), call("GET", `/v1/orders?limit=${MOST_ORDERS}`),
  ]);
  const known = new Map(skus.map((sku) => [sku.id, sku]));
  const place = h("section", { className: "card basket", "aria-labelledby": "cart" });
  const bar = h("a", { className: "bar", href: "#cart" });
  const cart = new Cart(kept.items, () => basket.draw());
  const basket = new Basket(cart, known, place, bar);
  const shown = skus.filter((sku) => sku.on_sale).sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
  main.className = "shop";
  main.replaceChildren(
    h("div", {}, h("h1", {}, words("今日上架", "On the shelf")),
      h("section", { className: "shelf" }, shown.map((sku) => skuView(sku, () => add(cart, sku))))),
    h("aside", {}, place, h("section", { className: "card" }, ...ordersView(orders, known))),
    bar);
  basket.draw();
}

function add(cart, sku) {
  const count = Math.min(MOST_UNITS, cart.quantityOf(sku.id) + 1);
  say(words(`已加入购物车：${sku.title}，共 ${count} 件`, `In the cart: ${count} × ${sku.title}`));
  cart.set(sku.id, count).catch((error) => say(error.message, true));
}

function skuView(sku, onadd) {
  const take = button(`add-${sku.id}`, words("加入购物车", "Add to cart"), onadd, "quiet");
  take.setAttribute("aria-label", `${words("加入购物车", "Add to cart")}: ${sku.title}`);
  take.disabled = !sku.in_stock;
  const limit = sku.limit_per_user;
  return h("article", { className: sku.in_stock ? "sku" : "sku gone" },
    h("div", { className: `picture tone${tone(sku.spu_id)}`, "aria-hidden": "true" }, [...sku.title][0]),
    h("h2", { lang: "zh-CN" }, sku.title),
    limit ? h("p", { className: "limit" }, words(`每人限购 ${limit} 件`, `${limit} per buyer`)) : null,
    h("p", { className: "line" },
      h("strong", {}, yuan(sku.price)),
      h("span", { className: "stock" }, sku.in_stock ? words("有货", "in stock") : words("售罄", "sold out"))),
    take);
}

/** One of six colours, the same for all variants of a product. */
const tone = (text) => [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 6, 0);

function ordersView(orders, known) {
  const heading = h("h2", {}, words("我的订单", "My orders"));
  if (!orders.length) return [heading, h("p", { className: "empty" }, words("还没有订单。", "No orders yet."))];
  const title = (line) => line.title ?? known.get(line.sku_id)?.title ?? `SKU ${line.sku_id}`;
  return [heading, h("ul", { className: "orders" }, orders.map((order) => h("li", {},
    h("a", { href: `/orders/${order.id}` },
      h("span", {}, `#${order.id} · ${shortly(order.accepted_at)}`, h("small", {}, order.items.map(title).join("、"))),
      h("span", { className: "right" }, statusTag(order), h("small", {}, order.total_amount ? yuan(order.total_amount) : "")))))),
  ];
}
