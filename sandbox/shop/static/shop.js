// The shop: catalogue, cart, and the buyer's own orders.

import { call } from "./api.js";
import { busy, button, h, say, words, yuan } from "./dom.js";
import { orderFromCart } from "./placing.js";
import { statusOf, statusTag } from "./status.js";

const MOST_SKUS = 200;
const MOST_ORDERS = 10;

export async function showShop(main) {
  const shelf = h("section", { className: "shelf" });
  const basket = h("section", { className: "card basket" });
  const history = h("section", { className: "card" });
  const [{ skus }, cart, { orders }] = await Promise.all([
    call("GET", `/v1/skus?limit=${MOST_SKUS}`), call("GET", "/v1/cart"), call("GET", `/v1/orders?limit=${MOST_ORDERS}`),
  ]);
  const known = new Map(skus.map((sku) => [sku.id, sku]));
  let items = cart.items;

  const change = async (skuId, quantity, selected = true) => {
    const path = `/v1/cart/items/${encodeURIComponent(skuId)}`;
    const answer = quantity ? await call("PUT", path, { quantity, selected }) : await call("DELETE", path);
    items = answer.items;
    draw();
  };
  const add = (sku) => {
    const there = items.find((item) => item.sku_id === sku.id);
    return change(sku.id, Math.min(999, (there?.quantity ?? 0) + 1));
  };
  const draw = () => basket.replaceChildren(...cartView(items, known, change));

  const shown = skus.filter((sku) => sku.on_sale).sort((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
  shelf.replaceChildren(...shown.map((sku) => skuView(sku, add)));
  history.replaceChildren(...ordersView(orders));
  draw();
  main.className = "shop";
  main.replaceChildren(
    h("div", {}, h("h1", {}, words("今日上架", "On the shelf")), shelf),
    h("aside", {}, basket, history),
  );
}

function skuView(sku, add) {
  const take = button("加入购物车", "Add to cart", () => busy(take, () => add(sku)), "quiet");
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

function cartView(items, known, change) {
  const heading = h("h2", {}, words("购物车", "Cart"));
  if (!items.length) return [heading, h("p", { className: "empty" }, "空空如也，挑一件吧。", h("small", {}, "Nothing here yet."))];
  const selected = items.filter((item) => item.selected);
  const order = button("提交订单", "Place the order", () => busy(order, () => placeWith("alipay")), "primary");
  const cash = button("货到付款", "Cash on delivery", () => busy(cash, () => placeWith("cash")), "quiet");
  order.disabled = cash.disabled = !selected.length;
  return [
    heading,
    h("ul", { className: "lines" }, items.map((item) => lineView(item, known.get(item.sku_id), change))),
    h("p", { className: "line total" }, words("商品合计", "Goods, before freight"), h("strong", {}, yuan(sum(selected, known)))),
    h("div", { className: "actions" }, order, cash),
  ];
}

async function placeWith(payMethod) {
  const order = await orderFromCart(payMethod);
  location.assign(`/orders/${order.id}`);
}

function lineView(item, sku, change) {
  const set = (quantity, selected) => change(item.sku_id, quantity, selected).catch((error) => say(error.message, true));
  const title = sku?.title ?? `SKU ${item.sku_id}`;
  return h("li", {},
    h("label", {},
      h("input", { type: "checkbox", checked: item.selected, onchange: (event) => set(item.quantity, event.target.checked) }),
      h("span", {}, title, h("small", {}, sku ? yuan(sku.price) : ""))),
    h("span", { className: "count" },
      h("button", { type: "button", "aria-label": `少一件 ${title}`, onclick: () => set(item.quantity - 1, item.selected) }, "−"),
      h("output", {}, item.quantity),
      h("button", { type: "button", "aria-label": `多一件 ${title}`, disabled: item.quantity >= 999, onclick: () => set(item.quantity + 1, item.selected) }, "+")));
}

/** In fen, because 0.1 + 0.2 is not 0.3. */
function sum(items, known) {
  const fen = items.reduce((total, item) => total + Math.round(Number(known.get(item.sku_id)?.price ?? 0) * 100) * item.quantity, 0);
  return (fen / 100).toFixed(2);
}

function ordersView(orders) {
  const heading = h("h2", {}, words("我的订单", "My orders"));
  if (!orders.length) return [heading, h("p", { className: "empty" }, "还没有订单。", h("small", {}, "No orders yet."))];
  return [heading, h("ul", { className: "orders" }, orders.map((order) => h("li", {},
    h("a", { href: `/orders/${order.id}` },
      h("span", {}, `#${order.id}`, h("small", {}, order.items.map((line) => line.title ?? `SKU ${line.sku_id}`).join("、"))),
      h("span", { className: "right" }, statusTag(order), h("small", {}, order.total_amount ? yuan(order.total_amount) : statusOf(order).english)))))),
  ];
}
