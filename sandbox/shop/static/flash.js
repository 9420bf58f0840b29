// A flash sale, live: the shop's server plays the buyers, and this page draws what it tells.

import { chart } from "./chart.js";
import { busy, button, h, redraw } from "./dom.js";
import { words } from "./language.js";
import { PROOFS } from "./proofs.js";

const LOOK_MILLISECONDS = 250;
const MOST_FAILURES = 20;
const RUNS = ["selling", "auditing"];

export async function showFlash(main) {
  main.className = "flash";
  const view = h("div", { className: "flash" });
  const said = h("p", { className: "meaning", role: "status" });
  main.replaceChildren(h("p", {}, h("a", { className: "back", href: "/" }, words("← 返回商店", "← Back to the shop"))), said, view);
  const show = (sale) => {
    const [now, tone] = sale.state === "over" ? verdict(sale) : [stateOf(sale), ""];
    if (said.textContent !== now) said.textContent = now;
    said.className = `meaning ${tone}`;
    redraw(view, heading(sale, start), figures(sale), charts(sale), proofs(sale));
  };
  // Whoever does not answer is asked less and less often, and in the end no more.
  const follow = async (sale) => {
    show(sale);
    for (let failures = 0; RUNS.includes(sale.state); ) {
      await new Promise((resolve) => { setTimeout(resolve, LOOK_MILLISECONDS * (1 + failures)); });
      const fresh = await ask("GET").catch(() => null);
      failures = fresh ? 0 : failures + 1;
      sale = fresh ?? { ...sale, isAway: true, state: failures < MOST_FAILURES ? sale.state : "lost" };
      show(sale);
    }
  };
  const start = async () => { follow(await ask("POST")); };
  follow(await ask("GET"));
}

async function ask(method) {
  const answer = await fetch("/flash/sale", { method });
  if (answer.status === 409) return ask("GET");
  if (!answer.ok) throw new Error(words("秒杀没有开始，请重试。", "The sale did not start; try again."));
  return answer.json();
}

function stateOf({ state, isAway, buyers, units }) {
  return {
    idle: words(`${buyers} 位模拟买家抢 ${units} 件商品。每个请求都经过真实的 API。`, `${buyers} simulated buyers want ${units} units. Every request goes through the real API.`),
    selling: words("正在抢购…", "The sale is on…"),
    auditing: words("抢购结束，正在对账…", "The sale is over; the books are being audited…"),
    away: words("联系不上商店，正在重试…", "The shop does not answer; trying again…"),
    lost: words("联系不上商店。恢复后请刷新页面。", "The shop does not answer. Reload the page once it is back."),
    failed: words("秒杀中断了，原因在商店的日志里。", "The sale broke off; the shop's log says why."),
  }[isAway && state !== "lost" ? "away" : state];
}

function heading(sale, start) {
  const go = button("start", words("开始秒杀", "Start the sale"), () => !RUNS.includes(sale.state) && busy(go, start), "primary");
  if (RUNS.includes(sale.state)) go.setAttribute("aria-disabled", "true");
  return h("h1", {}, words("秒杀", "Flash sale"), go);
}

function figures(sale) {
  if (!sale.counts) return null;
  const count = (name) => sale.counts[name] ?? 0;
  const rows = [
    [words("请求", "Requests"), count("asked")], [words("拒绝", "Refused"), count("refused")],
    [words("剩余库存", "Stock left"), sale.stock], [words("成交", "Placed"), count("placed")], [words("已付款", "Paid"), count("paid")],
    [words("延迟 p50", "Latency p50"), time(sale.p50)], [words("延迟 p99", "Latency p99"), time(sale.p99)],
    ...(count("failed") ? [[words("出错", "Errors"), count("failed")]] : []),
    ...(count("unpaid") ? [[words("未付款", "Not paid"), count("unpaid")]] : []),
  ];
  return h("section", { className: "card" }, h("dl", { className: "figures" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}

const time = (milliseconds) => (milliseconds === null ? "–" : [milliseconds, h("small", {}, " ms")]);

function charts({ points, units, buyers }) {
  if (!points) return null;
  const at = (place, first) => [[0, first], ...points.map((point) => [point[0], point[place]])];
  const stock = words("库存", "Stock"), requests = words("请求", "Requests"), refused = words("拒绝", "Refused");
  const key = (name, className) => h("span", {}, h("i", { className }), name);
  return h("section", { className: "card charts" },
    h("div", {}, chart(stock, [{ points: at(1, units), className: "", isArea: true }], units), h("p", { className: "key" }, key(stock, ""))),
    h("div", {}, chart(`${requests}, ${refused}`, [{ points: at(2, 0), className: "" }, { points: at(3, 0), className: "second" }], buyers),
      h("p", { className: "key" }, key(requests, ""), key(refused, "second"))));
}

/** What the sale came to: its sentence, and how it looks. */
function verdict({ audit, stock, counts, units }) {
  const broken = audit.filter((proof) => !proof.ok).length;
  const placed = counts.placed ?? 0;
  if (!broken && stock === 0 && placed === units) {
    return [words(`${units} 件全部卖出，一件没有超卖；${audit.length} 项证明全部成立。`, `All ${units} units were sold and none twice; all ${audit.length} proofs hold.`), "verdict good"];
  }
  return [words(`成交 ${placed} 件，剩余 ${stock} 件；${broken} 项证明不成立。`, `${placed} placed, ${stock} left; ${broken} proofs do not hold.`), "verdict bad"];
}

function proofs({ state, audit }) {
  if (state !== "over") return null;
  return h("section", { className: "card" }, h("h2", {}, words("对账 checkout audit", "checkout audit")),
    h("ul", { className: "proofs" }, [...audit].sort((a, b) => a.ok - b.ok).map((proof) =>
      h("li", { className: proof.ok ? "" : "bad" }, `${proof.ok ? "✓" : "✗"}  `, proved(proof)))));
}

/** In Chinese where that is known; which ones break it, the audit tells in English. */
function proved({ name, ok, detail }) {
  const chinese = words(PROOFS[name] ?? "", "");
  const told = chinese && ok ? null : h("span", { lang: "en" }, detail);
  return h("span", {}, chinese, chinese && told ? "：" : null, told);
}
