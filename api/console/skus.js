// The catalogue: prices, titles and stock.

import { call, Fault, intents, withQuery } from "./api.js";
import { ask, field, held } from "./dialog.js";
import { button, h, say } from "./dom.js";
import { yuan } from "./format.js";
import { t } from "./language.js";
import { once } from "./once.js";

const LIMIT = 50;

export async function showSkus({ main, signal, query }) {
  document.title = t("商品 · 运营台", "Goods · Console");
  const id = (query.get("id") ?? "").trim();
  const page = id ? await one(id, signal) : await call("GET", withQuery("/v1/skus", { limit: LIMIT }), { signal });
  main.replaceChildren(h("h1", { tabIndex: -1 }, t("商品", "Goods")), lookUp(id), listed(page, signal));
}

/** What only operators may know of a SKU: how many there are. */
const pathOf = (id) => `/v1/skus/${encodeURIComponent(id)}/stock`;

async function one(id, signal) {
  try {
    return { skus: [await call("GET", pathOf(id), { signal })] };
  } catch (fault) {
    if (fault instanceof Fault && fault.status === 404) return { skus: [] };
    throw fault;
  }
}

function lookUp(id) {
  const input = h("input", { id: "sku", type: "search", value: id, maxLength: 64, autocomplete: "off", spellcheck: false });
  const form = h("form", { className: "bar" }, h("label", { htmlFor: "sku" }, t("SKU 编号", "SKU id")), input, h("button", {}, t("查找", "Find")));
  form.onsubmit = (event) => {
    event.preventDefault();
    location.hash = withQuery("#/skus", { id: input.value.trim() });
  };
  return form;
}

function listed(first, signal) {
  const list = h("ul", { className: "skus card" }, first.skus.map(row));
  let cursor = first.next_cursor;
  const more = button(t("更多", "More"), null, { id: "more-skus", hidden: !cursor });
  more.onclick = once(async () => {
    const page = await call("GET", withQuery("/v1/skus", { limit: LIMIT, cursor }), { signal });
    const rows = page.skus.map(row);
    list.append(...rows);
    cursor = page.next_cursor;
    more.hidden = !cursor;
    rows[0]?.querySelector("button").focus();
  });
  return h("div", {}, first.skus.length ? list : h("p", { className: "quiet" }, t("没有这样的商品。", "There is no such SKU.")), more);
}

/** `sku.stock` is known once it was asked for: the list is the public catalogue, which says whether there is any. */
function row(sku) {
  const item = h("li", {});
  const draw = (changes = {}) => {
    Object.assign(sku, changes);
    const held = item.contains(document.activeElement) ? document.activeElement.id : "";
    item.replaceChildren(...cells(sku, draw));
    if (held) document.getElementById(held)?.focus();
  };
  draw();
  return item;
}

function cells(sku, draw) {
  return [
    h("div", {}, h("strong", {}, sku.title), h("p", { className: "quiet" }, `SKU ${sku.id} · SPU ${sku.spu_id}`, sku.limit_per_user ? t(` · 每人限购 ${sku.limit_per_user}`, ` · ${sku.limit_per_user} per user`) : "")),
    h("span", { className: "amount" }, yuan(sku.price)),
    h("span", { className: "tags" }, h("span", { className: `tag ${sku.on_sale ? "good" : "off"}` }, sku.on_sale ? t("在售", "on sale") : t("下架", "not on sale")), " ",
      h("span", { className: `tag ${sku.in_stock ? "good" : "due"}` }, sku.stock === undefined ? (sku.in_stock ? t("有货", "in stock") : t("售罄", "sold out")) : t(`库存 ${sku.stock}`, `${sku.stock} in stock`))),
    h("span", { className: "actions" },
      button(t("改价…", "Price…"), once(() => price(sku, draw)), { id: `price-${sku.id}`, "aria-label": t(`改价：${sku.title}`, `Price of ${sku.title}`) }),
      button(t("库存…", "Stock…"), once(() => stock(sku, draw)), { id: `stock-${sku.id}`, "aria-label": t(`库存：${sku.title}`, `Stock of ${sku.title}`) })),
  ];
}

/** Begins with what the SKU is by now, since all of it is written. */
async function price(sku, draw) {
  draw(await call("GET", pathOf(sku.id)));
  const title = h("input", { name: "title", value: sku.title, autocomplete: "off" });
  const amount = h("input", { name: "price", value: sku.price, inputMode: "decimal", autocomplete: "off" });
  const onSale = h("input", { name: "on_sale", type: "checkbox", checked: sku.on_sale });
  ask({
    title: t(`SKU ${sku.id}`, `SKU ${sku.id}`),
    body: [field(t("单价（元）", "Price in yuan"), amount, t("新订单按新价；已下的订单不变。", "For orders from now on; those that are placed stay as they are.")), field(t("名称", "Title"), title), field(t("在售", "On sale"), onSale)],
    submit: t("保存", "Save"),
    step: async () => {
      const body = { spu_id: sku.spu_id, title: title.value.trim(), price: amount.value.trim(), on_sale: onSale.checked };
      draw(await call("PUT", `/v1/skus/${encodeURIComponent(sku.id)}`, { body }));
      say(t("已保存。", "Saved."), "good");
    },
  });
}

async function stock(sku, draw) {
  draw(await call("GET", pathOf(sku.id)));
  const add = h("input", { type: "radio", name: "way", checked: true });
  const set = h("input", { type: "radio", name: "way" });
  const intent = intents();
  const units = h("input", { name: "add", type: "number", inputMode: "numeric", autocomplete: "off" });
  const dialog = ask({
    title: t(`SKU ${sku.id} 的库存`, `Stock of SKU ${sku.id}`),
    body: [h("p", {}, sku.title), h("div", { className: "ways", role: "radiogroup", "aria-label": t("方式", "Way") }, field(t("增加（负数为减少）", "Add (or take away, with −)"), add), field(t("设为", "Set to"), set)),
      field(t("件数", "Units"), units, t(`现有 ${sku.stock}`, `${sku.stock} there are`))],
    submit: t("保存", "Save"),
    again: t("再次发送是安全的：同一标识只改一次。", "To send it again is safe: its key changes the stock once."),
    step: async () => {
      const { key, body } = intent({ [units.name]: units.value === "" ? null : Number(units.value) });
      const told = await call("POST", pathOf(sku.id), { body, headers: { "Idempotency-Key": key } });
      draw({ stock: told.stock, in_stock: told.stock > 0 });
      say(t(`SKU ${sku.id} 现有 ${told.stock} 件。`, `SKU ${sku.id} has ${told.stock} unit(s).`), "good");
    },
    onFault: held,
  });
  dialog.onchange = () => { units.name = set.checked ? "set" : "add"; };
}
