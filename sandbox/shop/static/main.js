// The page: the shop at /, one order at /orders/{id}, the flash sale at /flash.

import { signIn } from "./api.js";
import { button, h } from "./dom.js";
import { showFlash } from "./flash.js";
import { switchLanguage, words } from "./language.js";
import { showOrder } from "./order.js";
import { showShop } from "./shop.js";

const AGAIN_MILLISECONDS = 3000;
const main = document.getElementById("main");
const select = document.getElementById("buyer");
let again = 0;

async function open(buyer) {
  const session = await signIn(buyer);
  select.replaceChildren(...session.buyers.map((id) => h("option", { value: id, selected: id === session.buyer }, id)));
  const [, orderId] = location.pathname.match(/^\/orders\/(\d+)$/) ?? [];
  if (location.pathname === "/flash") await showFlash(main);
  else await (orderId ? showOrder(main, orderId) : showShop(main));
}

async function attempt(buyer) {
  clearTimeout(again);
  main.setAttribute("aria-busy", "true");
  try {
    await open(buyer);
    main.removeAttribute("aria-busy");
  } catch (error) {
    showAway(error, buyer);
    again = setTimeout(() => attempt(buyer), AGAIN_MILLISECONDS);
  }
}

/** Nothing can be shown: that is said, and tried again by itself. */
function showAway(error, buyer) {
  if (document.getElementById("retry")) return;
  main.className = "order";
  main.replaceChildren(h("section", { className: "card", role: "alert" },
    h("h1", {}, words("暂时打不开", "The shop cannot be shown")),
    h("p", {}, error.message),
    h("p", { className: "empty" }, words("页面会自动重试。", "The page tries again by itself.")),
    h("div", { className: "actions" }, button("retry", words("现在重试", "Try now"), () => attempt(buyer), "primary"))));
}

/** The words that stand in the page itself. */
function dress() {
  const said = { brand: ["风物小店", "Demo shop"], whose: ["买家", "Buyer"], flash: ["秒杀演示", "Flash sale"], foot: ["本机沙箱，不产生真实订单与资金。", "A sandbox on this machine: no real orders, no real money."] };
  for (const [id, both] of Object.entries(said)) {
    const place = document.getElementById(id);
    if (place) place.textContent = words(...both);
  }
  document.title = words("风物小店", "Demo shop");
  const other = document.getElementById("language");
  if (!other) return;
  other.textContent = words("English", "中文");
  other.lang = words("en", "zh-CN");
  other.onclick = switchLanguage;
}

select.onchange = () => {
  // Another buyer's order is not his to see: go to the shop.
  localStorage.setItem("buyer", select.value);
  if (location.pathname === "/") attempt(select.value);
  else location.assign("/");
};
// A page that the browser kept while the buyer was at the cashier shows what was true before.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
dress();
attempt();
