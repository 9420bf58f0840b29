// Orders by whatever number a customer reads out, or the newest ones by status.

import { call, withQuery } from "./api.js";
import { button, h, orderLink, redraw, time } from "./dom.js";
import { yuan } from "./format.js";
import { t, word } from "./language.js";
import { once } from "./once.js";
import { METHOD, STATUS, statusTag } from "./words.js";

const LIMIT = 20;
const LARGEST_ID = 2n ** 63n - 1n;

export async function showOrders({ main, signal, query }) {
  const text = (query.get("find") ?? "").trim();
  const status = query.get("status") ?? "";
  document.title = text ? t(`查找 ${text} · 运营台`, `${text} · Console`) : t("订单 · 运营台", "Orders · Console");
  if (text) {
    document.getElementById("find").value = text;
    await showFound(main, text, signal);
    return;
  }
  const first = await call("GET", withQuery("/v1/orders", { status, limit: LIMIT }), { signal });
  main.replaceChildren(h("h1", { tabIndex: -1 }, t("最新订单", "Newest orders")), statuses(status), listed(first, { status }, signal));
}

function statuses(current) {
  return h("nav", { className: "chips", "aria-label": t("按状态", "By status") }, ["", ...Object.keys(STATUS)].map((status) =>
    h("a", { href: withQuery("#/orders", { status }), id: `status-${status}`, "aria-current": status === current ? "true" : null }, status ? word(STATUS, status) : t("全部", "All"))));
}

/** What the text may be: each a title with the question that finds it. A payment's id begins with its order's. */
export function guesses(text) {
  const isId = /^\d{1,19}$/.test(text) && BigInt(text) < LARGEST_ID;
  const [, orderId] = text.match(/^#?(\d{1,18})(?:-\d{1,4})?$/) ?? [];
  return [
    orderId && [t("订单号", "Order number"), { id: orderId }],
    /^\d{16,64}$/.test(text) && [t("支付宝交易号", "Alipay's trade_no"), { trade_no: text }],
    /^\d{8,}N\d+R[0-9A-F]+$/i.test(text) && [t("商户单号", "out_trade_no"), { out_trade_no: text.toUpperCase() }],
    [t("外部单号", "Reference"), { reference: text }],
    isId && [t("用户的订单", "Orders of the user"), { user_id: text }],
  ].filter(Boolean);
}

/** An order's page of one: the first from its id on downwards is it, or it is not there. */
async function answerOf({ id, ...asked }, signal) {
  if (!id) return call("GET", withQuery("/v1/orders", { ...asked, limit: LIMIT }), { signal });
  const answer = await call("GET", withQuery("/v1/orders", { cursor: String(BigInt(id) + 1n), limit: 1 }), { signal });
  return { orders: answer.orders.filter((order) => order.id === String(BigInt(id))) };
}

async function showFound(main, text, signal) {
  const groups = await Promise.all(guesses(text).map(async ([title, asked]) => [title, asked, await answerOf(asked, signal)]));
  const hits = groups.filter(([, , answer]) => answer.orders.length || answer.next_cursor);
  const count = hits.reduce((total, [, , answer]) => total + answer.orders.length, 0);
  const tried = groups.map(([title]) => title).join(t("、", ", "));
  redraw(main,
    h("h1", { tabIndex: -1 }, t("查找 ", "Search: "), h("code", {}, text)),
    h("p", { role: "status", className: "quiet" }, count ? t(`找到 ${count} 个订单`, `${count} order${count === 1 ? "" : "s"} found`) : t(`没有找到。已按${tried}查找。`, `Nothing found. Tried: ${tried}.`)),
    hits.map(([title, asked, answer]) => [h("h2", {}, title), listed(answer, asked, signal)]));
  // The only one is what was meant: Enter opens it.
  if (count === 1) main.querySelector(".orders a").dataset.first = "";
}

function listed(first, asked, signal) {
  const list = h("ul", { className: "orders card" }, first.orders.map(row));
  const more = button(t("更多", "More"), null, { id: `more-${Object.keys(asked)[0]}`, hidden: !first.next_cursor });
  let cursor = first.next_cursor;
  more.onclick = once(async () => {
    const answer = await call("GET", withQuery("/v1/orders", { ...asked, limit: LIMIT, cursor }), { signal });
    const rows = answer.orders.map(row);
    list.append(...rows);
    cursor = answer.next_cursor;
    more.hidden = !cursor;
    rows[0]?.querySelector("a").focus();
  });
  const none = first.orders.length || first.next_cursor ? null : h("p", { className: "quiet" }, t("没有订单。", "No orders."));
  return h("div", {}, none ?? list, more);
}

function row(order) {
  const what = order.items.map((line) => `${line.title ?? `SKU ${line.sku_id}`} × ${line.quantity}`).join(t("，", ", "));
  return h("li", {}, orderLink(order.id, [
    h("span", { className: "number" }, `#${order.id}`),
    statusTag(order),
    h("span", { className: "what" }, what),
    h("span", { className: "quiet who" }, t(`用户 ${order.user_id ?? "–"}`, `user ${order.user_id ?? "–"}`), order.reference ? ` · ${order.reference}` : "", ` · ${word(METHOD, order.pay_method)}`),
    h("span", { className: "amount" }, order.total_amount ? yuan(order.total_amount) : "–"),
    h("span", { className: "quiet when" }, time(order.accepted_at)),
  ], { id: `found-${order.id}` }));
}
