// Refunds by line or by amount. An intent has one Idempotency-Key from its first sending until the service has decided:
// whatever happens to the answer, the dialog or the page, money goes back once.

import { call, intents } from "./api.js";
import { ask, field, held } from "./dialog.js";
import { button, h, say } from "./dom.js";
import { fen, ofFen, yuan } from "./format.js";
import { t } from "./language.js";

const place = (orderId) => `console.refund.${orderId}`;

/** A refund of the order that was sent, and of which nobody knows whether it came: `{key, body}`. */
export const pendingOf = (orderId) => JSON.parse(sessionStorage.getItem(place(orderId)));

export function refund(story, kept, read) {
  const pending = pendingOf(story.order.id);
  if (pending) sendAgain(story.order, pending, read);
  else askFor(story, kept, read);
}

/** Keeps what is sent until it is decided. */
async function sendOnce(orderId, intent) {
  sessionStorage.setItem(place(orderId), JSON.stringify(intent));
  try {
    const made = await call("POST", `/v1/orders/${orderId}/refunds`, { body: intent.body, headers: { "Idempotency-Key": intent.key } });
    sessionStorage.removeItem(place(orderId));
    return made;
  } catch (fault) {
    // Who was turned away signs in again and goes on; every other refusal is a decision.
    if (fault.isDecided && fault.status !== 401 && fault.status !== 403) sessionStorage.removeItem(place(orderId));
    throw fault;
  }
}

async function send(orderId, intent, read) {
  const made = await sendOnce(orderId, intent);
  await read();
  say(t(`退款 ${yuan(made.amount)} 已发起。`, `A refund of ${yuan(made.amount)} is on its way.`), "good");
}

function sendAgain(order, intent, read) {
  const { amount, items = [], freight } = intent.body;
  const what = amount ? yuan(amount) : [...items.map((line) => `SKU ${line.sku_id} × ${line.quantity}`), freight && t("运费", "freight")].filter(Boolean).join(" · ");
  const dialog = ask({
    title: t("有一笔退款结果未知", "A refund of unknown outcome"),
    body: [h("p", {}, t(`退款（${what}）已发送，但没有收到应答。再次发送是安全的：同一标识只退一次。`, `The refund (${what}) was sent, and no answer came. To send it again is safe: its key refunds once.`)),
      h("p", {}, button(t("放弃，另填一笔", "Drop it, and fill in another"), () => { sessionStorage.removeItem(place(order.id)); dialog.close(); read(); }, { className: "plain" }))],
    submit: t("再次发送", "Send it again"),
    step: () => send(order.id, intent, read),
  });
}

function askFor(story, kept, read) {
  const { order } = story;
  const lines = lineFields(story);
  const freight = h("input", { type: "checkbox", name: "freight" });
  const restock = h("input", { type: "checkbox", name: "restock" });
  const amount = h("input", { name: "amount", inputMode: "decimal", autocomplete: "off", placeholder: "0.00" });
  const reason = h("input", { name: "reason", maxLength: 500, autocomplete: "off" });
  const ofThis = story.refunds.filter((one) => isUnderWay(one) && one.payment_id === kept.id);
  const leftFen = ofThis.reduce((left, one) => left - fen(one.amount), fen(kept.amount) - fen(kept.refunded_amount));
  const sum = h("output", { className: "sum" });
  const byLine = h("fieldset", {}, h("legend", {}, t("退哪些商品", "Which units")), lines.map(({ label, input, hint }) => field(label, input, hint)),
    Number(order.freight) > 0 ? field(t(`退运费 ${yuan(order.freight)}`, `The freight, ${yuan(order.freight)}`), freight) : null,
    field(t("已寄出的商品已退回，重新入库", "Units that had left have come back into stock"), restock));
  const byAmount = h("fieldset", { hidden: true }, h("legend", {}, t("退多少钱", "How much")),
    field(t("金额（元）", "Amount in yuan"), amount, t(`最多 ${yuan(ofFen(leftFen))}`, `${yuan(ofFen(leftFen))} at most`)));
  const [units, money] = [t("按商品", "By line"), t("按金额", "By amount")].map((text, n) => ({ text, input: h("input", { type: "radio", name: "way", checked: n === (lines.length ? 0 : 1) }) }));
  const body = () => (money.input.checked ? { amount: amount.value.trim(), reason: reason.value }
    : { items: chosen(lines), freight: freight.checked, restock: restock.checked, reason: reason.value });
  const show = () => {
    [byLine.hidden, byAmount.hidden] = [money.input.checked, !money.input.checked];
    const worth = lines.reduce((total, line) => total + line.worth(Number(line.input.value)), 0) + (freight.checked ? fen(order.freight) : 0);
    sum.textContent = money.input.checked ? yuan(amount.value || "0.00") : yuan(ofFen(worth));
  };
  const intent = intents();
  const dialog = ask({
    title: t(`订单 #${order.id} 退款`, `Refund of order #${order.id}`),
    body: [h("div", { className: "ways", role: "radiogroup", "aria-label": t("方式", "Way") }, [units, money].map(({ text, input }) => field(text, input))), byLine, byAmount,
      field(t("原因", "Reason"), reason), h("p", { className: "line" }, t("将退还", "To be refunded"), sum)],
    submit: t("退款", "Refund"),
    again: t("再次发送是安全的：同一标识只退一次。", "To send it again is safe: its key refunds once."),
    step: () => send(order.id, intent(body()), read),
    onFault: held,
  });
  dialog.oninput = show;
  show();
}

const isUnderWay = (one) => one.status === "requested" || one.status === "unknown";

/** How many units of the line are on their way back, and not there yet. */
export const underWay = (line, refunds) => refunds.filter(isUnderWay).flatMap((one) => one.items ?? [])
  .filter((one) => one.sku_id === line.sku_id).reduce((total, one) => total + one.quantity, 0);

/** A field for each line of which something is left, with what so many of its units come to, in fen. */
function lineFields({ order, refunds }) {
  const rows = order.items.map((line) => ({ line, left: line.quantity - line.refunded_quantity - underWay(line, refunds) })).filter(({ left }) => left > 0);
  return rows.map(({ line, left }, n) => ({
    line,
    label: line.title,
    input: h("input", { type: "number", name: `items[${n}].quantity`, min: 0, max: left, value: 0, inputMode: "numeric" }),
    hint: t(`最多 ${left} 件，每件 ${yuan(line.unit_price)}`, `${left} at most, ${yuan(line.unit_price)} each`),
    worth: (count) => worth(line, count, left, refunds),
  }));
}

/** A unit costs its share of the line in whole fen; the last one takes the rest. */
function worth(line, count, left, refunds) {
  if (!(count > 0)) return 0;
  const back = refunds.filter((one) => one.status !== "failed").flatMap((one) => one.items ?? []).filter((one) => one.sku_id === line.sku_id);
  return count >= left ? fen(line.amount) - back.reduce((total, one) => total + fen(one.amount), 0) : count * Math.floor(fen(line.amount) / line.quantity);
}

const chosen = (lines) => lines.map(({ line, input }) => ({ sku_id: line.sku_id, quantity: Number(input.value) })).filter((one) => one.quantity !== 0);
