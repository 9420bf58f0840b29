// The first screen: what needs a person, money first, and the shop in figures.

import { call, withQuery } from "./api.js";
import { ask, field } from "./dialog.js";
import { button, h, link, orderLink, redraw, say, time } from "./dom.js";
import { followFigures } from "./figures.js";
import { ago, yuan } from "./format.js";
import { t, word } from "./language.js";
import { cureOf, told } from "./matters.js";
import { KIND, isAboutMoney } from "./words.js";

export async function showDesk({ main, signal, query }) {
  document.title = t("待处理 · 运营台", "Desk · Console");
  const figures = h("dl", { className: "tiles", "aria-label": t("实时数字", "Figures") });
  const list = h("div", {});
  const asked = { kind: query.get("kind") ?? "", page: query.get("page") ?? "" };
  let shown = "";
  const read = async () => {
    const found = await call("GET", withQuery("/v1/stuck", asked), { signal });
    const fresh = JSON.stringify(found);
    if (fresh === shown) return;
    shown = fresh;
    redraw(list, matters(found, asked, read));
    return found.total;
  };
  await read();
  main.replaceChildren(h("h1", { className: "unseen", tabIndex: -1 }, t("总览", "Desk")), figures, list);
  let counted = null;
  // What is new is shown, but never while somebody answers a question about the old.
  const refresh = (now) => {
    const counts = JSON.stringify(now.stuck);
    if (counts === counted || document.querySelector("dialog")) return;
    if (counted !== null) read().then(announce).catch(() => {});
    counted = counts;
  };
  followFigures(figures, signal, refresh);
}

/** Nothing that the operator has just done himself is news. */
function announce(total) {
  if (total !== undefined) say(t(`需要人工处理：${total} 项`, `Needs a person: ${total}`));
}

function matters(found, asked, read) {
  const heading = h("h2", { id: "matters", tabIndex: -1 }, t("需要人工处理", "Needs a person"), " ", h("span", { className: "count" }, String(found.total)));
  if (!found.total) return [heading, h("p", { className: "card quiet" }, t("没有需要处理的事项。", "Nothing. All money and orders take care of themselves."))];
  return [
    heading,
    h("nav", { className: "chips", "aria-label": t("按种类", "By kind") },
      chip("", t("全部", "All"), found.total, asked), Object.entries(found.counts).map(([kind, count]) => chip(kind, word(KIND, kind), count, asked))),
    h("ol", { className: "matters" }, found.matters.map((matter) => row(matter, read))),
    found.next_page || Number(asked.page) > 1 ? pages(found, asked) : null,
  ];
}

function chip(kind, text, count, asked) {
  return link(withQuery("#/", { kind }), [text, " ", h("b", {}, String(count))], { id: `kind-${kind}`, className: kind && isAboutMoney(kind) ? "money" : "", "aria-current": asked.kind === kind ? "true" : null });
}

function pages(found, asked) {
  const page = Number(asked.page) || 1;
  return h("p", { className: "actions" },
    page > 1 ? link(withQuery("#/", { ...asked, page: page - 1 }), t("← 上一页", "← Newer"), { id: "before" }) : null,
    found.next_page ? link(withQuery("#/", { ...asked, page: found.next_page }), t("下一页 →", "More →"), { id: "after" }) : null);
}

const mark = (matter) => `resolve-${matter.kind}-${matter.subject}`;

function row(matter, read) {
  const isMoney = isAboutMoney(matter.kind);
  return h("li", { className: `card matter ${isMoney ? "bad" : "warn"}` },
    h("div", { className: "line" }, h("h3", {}, word(KIND, matter.kind)), matter.amount ? h("strong", { className: "amount" }, yuan(matter.amount)) : null),
    h("p", {}, told(matter.detail)),
    h("p", { className: "quiet" }, h("span", { className: "label" }, t("处理办法：", "What to do: ")), cureOf(matter)),
    h("div", { className: "line foot" },
      h("p", { className: "quiet" }, matter.order_id ? [orderLink(matter.order_id, t(`订单 #${matter.order_id}`, `Order #${matter.order_id}`), { id: `order-of-${mark(matter)}` }), " · "] : null,
        h("code", {}, matter.subject), " · ", time(matter.since), " · ", ago(matter.since)),
      button(t("已处理…", "Settled…"), () => resolve(matter, read), { id: mark(matter), "aria-label": t(`已处理：${word(KIND, matter.kind)} ${matter.subject}`, `Settled: ${word(KIND, matter.kind)} ${matter.subject}`) })));
}

function resolve(matter, read) {
  const note = h("textarea", { name: "note", rows: 3, maxLength: 1000, required: true });
  ask({
    title: t(`已处理：${word(KIND, matter.kind)}`, `Settled: ${word(KIND, matter.kind)}`),
    body: [h("p", {}, told(matter.detail)), field(t("怎样处理的", "How it was settled"), note, t("留在订单的时间线上。", "It stays on the order's timeline."))],
    submit: t("记为已处理", "Settle it"),
    step: async () => {
      const next = neighbour(mark(matter));
      await call("POST", `/v1/stuck/${encodeURIComponent(matter.kind)}/${encodeURIComponent(matter.subject)}/resolve`, { body: { note: note.value } });
      await read();
      say(t("已记为处理。", "Settled."), "good");
      return next ?? "matters";
    },
  });
}

/** The button of the matter behind this one, or before it. */
function neighbour(id) {
  const all = [...document.querySelectorAll(".matter button")].map((one) => one.id);
  const at = all.indexOf(id);
  return all[at + 1] ?? all[at - 1];
}
