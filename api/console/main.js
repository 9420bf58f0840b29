// The console: a frame, and one page at a time by the address behind the #.

import { isSignedIn, onTurnedAway, signOut } from "./api.js";
import { showDesk } from "./desk.js";
import { button, h, link, say } from "./dom.js";
import { explained } from "./faults.js";
import { switchLanguage, t } from "./language.js";
import { showOrder } from "./order.js";
import { showOrders } from "./orders.js";
import { showSignIn } from "./signin.js";
import { showSkus } from "./skus.js";

const main = document.getElementById("main");
const frame = document.getElementById("frame");

const PAGES = [
  [/^\/?$/, showDesk, t("待处理", "Desk"), "#/"],
  [/^\/orders$/, showOrders, t("订单", "Orders"), "#/orders"],
  [/^\/orders\/(\d{1,19})$/, showOrder],
  [/^\/skus$/, showSkus, t("商品", "Goods"), "#/skus"],
];

let leaving = new AbortController();

function drawFrame(path) {
  const other = button(t("English", "中文"), switchLanguage, { id: "language", className: "plain", lang: t("en", "zh-CN") });
  const brand = link("#/", [h("img", { src: "/console/icon.svg", alt: "", width: 22, height: 22 }), h("span", {}, t("运营台", "Console"))], { className: "brand", id: "brand" });
  if (!isSignedIn()) {
    frame.replaceChildren(brand, h("div", { className: "right" }, other));
    return;
  }
  const entries = PAGES.filter(([, , , href]) => href).map(([pattern, , text, href]) =>
    link(href, text, { id: `nav-${href.slice(2)}`, "aria-current": pattern.test(path) ? "page" : null }));
  const leave = button(t("退出", "Sign out"), () => { signOut(); open(); say(t("已退出。", "Signed out.")); }, { id: "leave", className: "plain" });
  frame.replaceChildren(h("a", { className: "skip", href: "#main", onclick: skip }, t("跳到内容", "Skip to content")),
    brand, h("nav", { "aria-label": t("主导航", "Main") }, entries), searchForm(), h("div", { className: "right" }, other, leave));
}

function skip(event) {
  event.preventDefault();
  main.focus();
}

/** One field for whatever number a customer reads out; `/` goes there from everywhere. */
function searchForm() {
  const text = h("input", { id: "find", type: "search", maxLength: 128, autocomplete: "off", spellcheck: false,
    placeholder: t("订单号 / 交易号 / 用户号", "Any number of an order"), "aria-label": t("按任意号码查找订单", "Find orders by any number"), "aria-keyshortcuts": "/" });
  const search = h("form", { role: "search" }, text, h("button", {}, t("查找", "Find")));
  search.onsubmit = (event) => {
    event.preventDefault();
    const asked = `#/orders?find=${encodeURIComponent(text.value.trim())}`;
    if (location.hash === asked) open();
    else location.hash = asked;
  };
  return search;
}

/** Shows the page of the address. What the one before still waits for is dropped. */
async function open() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  const [path, query = ""] = location.hash.slice(1).split("?");
  drawFrame(path);
  if (!isSignedIn()) {
    showSignIn(main, open);
    return;
  }
  const [pattern, show] = PAGES.find(([one]) => one.test(path)) ?? PAGES[0];
  main.replaceChildren(h("p", { className: "quiet" }, t("读取中…", "Reading…")));
  try {
    await show({ main, signal, id: path.match(pattern)?.[1], query: new URLSearchParams(query) });
  } catch (fault) {
    if (signal.aborted) return;
    main.replaceChildren(h("h1", { tabIndex: -1 }, t("无法显示", "This cannot be shown")), explained(fault));
  }
  if (!signal.aborted) (main.querySelector("[data-first]") ?? main.querySelector("h1"))?.focus({ preventScroll: true });
  if (!signal.aborted) scrollTo(0, 0);
}

onTurnedAway((fault) => {
  leaving.abort();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  signOut();
  drawFrame("");
  showSignIn(main, open, fault);
});
addEventListener("hashchange", open);
addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, dialog");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  event.preventDefault();
  document.getElementById("find")?.focus();
});
open();
