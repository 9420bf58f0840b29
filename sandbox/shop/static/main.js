// The page: the shop at /, one order at /orders/{id}.

import { signIn } from "./api.js";
import { h, say } from "./dom.js";
import { showOrder } from "./order.js";
import { showShop } from "./shop.js";

const main = document.getElementById("main");
const select = document.getElementById("buyer");

async function open(buyer) {
  const session = await signIn(buyer);
  select.replaceChildren(...session.buyers.map((id) => h("option", { value: id, selected: id === session.buyer }, id)));
  const [, orderId] = location.pathname.match(/^\/orders\/(\d+)$/) ?? [];
  await (orderId ? showOrder(main, orderId) : showShop(main));
}

async function attempt(buyer) {
  try {
    await open(buyer);
  } catch (error) {
    say(error.message, true);
  }
}

select.onchange = () => {
  // Another buyer's order is not his to see: go to the shop.
  localStorage.setItem("buyer", select.value);
  if (location.pathname === "/") attempt(select.value);
  else location.assign("/");
};
// A page that the browser kept while the buyer was at the cashier shows what was true before.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
attempt();
