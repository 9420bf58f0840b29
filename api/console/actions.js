// What an operator does with an order. Each is asked about first, is sent once, and says what came of it.

import { call } from "./api.js";
import { ask, field } from "./dialog.js";
import { button, h, say } from "./dom.js";
import { yuan } from "./format.js";
import { t } from "./language.js";
import { pendingOf, refund, underWay } from "./refund.js";

/** The buttons of what is possible now; where none is, why there is none. */
export function actionsOf(story, read) {
  const { order } = story;
  const isCash = order.pay_method === "cash";
  const kept = story.payments.find((payment) => payment.kept && payment.status === "paid");
  const toShip = order.items.map((line) => ({ ...line, left: unsent(line, story.refunds) })).filter((line) => line.left > 0);
  return h("div", { className: "actions", role: "group", "aria-label": t("操作", "Actions") },
    ["awaiting_shipment", "shipped"].includes(order.status) && toShip.length
      ? button(t("发货…", "Ship…"), () => ship(order, toShip, read), { id: "ship", className: "primary" }) : null,
    kept || pendingOf(order.id) ? button(t("退款…", "Refund…"), () => refund(story, kept, read), { id: "refund" }) : null,
    order.status === "accepted" ? button(t("重试…", "Retry…"), () => retry(order, read), { id: "retry" }) : null,
    ["accepted", "awaiting_payment"].includes(order.status) || (isCash && order.status === "awaiting_shipment")
      ? button(t("取消订单…", "Cancel…"), () => cancel(order, read), { id: "cancel", className: "danger" }) : null);
}

/** Units that go back are taken from those that have not left, as long as there are any. */
const unsent = (line, refunds) => line.quantity - (line.shipped_quantity ?? 0) - (line.refunded_quantity ?? 0) - underWay(line, refunds);

function cancel(order, read) {
  ask({
    title: t(`取消订单 #${order.id}？`, `Cancel order #${order.id}?`),
    body: h("p", {}, order.total_amount ? t(`${yuan(order.total_amount)}，${order.total_count} 件。取消后不能恢复，库存会退回。`, `${yuan(order.total_amount)}, ${order.total_count} unit(s). It cannot be undone; the stock goes back.`) : t("取消后不能恢复。", "It cannot be undone.")),
    submit: t("取消订单", "Cancel the order"),
    tone: "danger",
    step: async () => {
      await call("POST", `/v1/orders/${order.id}/cancel`, { body: {} });
      await read();
      say(t("订单已取消。", "The order is cancelled."), "good");
    },
  });
}

function retry(order, read) {
  ask({
    title: t(`重试订单 #${order.id}？`, `Try order #${order.id} again?`),
    body: h("p", {}, t("请先排除它搁置的原因。", "Mend first what the order was parked for.")),
    submit: t("重试", "Try again"),
    step: async () => {
      await call("POST", `/v1/orders/${order.id}/retry`, { body: {} });
      await read();
      say(t("订单将再次处理。", "The order is tried again."), "good");
    },
  });
}

function ship(order, lines, read) {
  const carrier = h("input", { name: "carrier", maxLength: 50, autocomplete: "off" });
  const tracking = h("input", { name: "tracking_number", maxLength: 64, autocomplete: "off", spellcheck: false });
  const counts = lines.map((line, place) => [line, h("input", { name: `items[${place}].quantity`, type: "number", min: 0, max: line.left, value: line.left, inputMode: "numeric" })]);
  ask({
    title: t(`订单 #${order.id} 发货`, `Ship order #${order.id}`),
    body: [field(t("承运公司", "Carrier"), carrier), field(t("运单号", "Tracking number"), tracking),
      h("fieldset", {}, h("legend", {}, t("本包裹的件数", "Units in this parcel")), counts.map(([line, input]) => field(`${line.title ?? line.sku_id}`, input, t(`剩 ${line.left} 件`, `${line.left} left`))))],
    submit: t("发货", "Ship"),
    again: t("再发之前，请先看订单里是否已有这个包裹。", "See first whether the order has this parcel by now."),
    step: async () => {
      const items = counts.map(([line, input]) => ({ sku_id: line.sku_id, quantity: Number(input.value) })).filter((line) => line.quantity !== 0);
      const body = { items, carrier: carrier.value.trim(), tracking_number: tracking.value.trim() };
      const parcel = await call("POST", `/v1/orders/${order.id}/shipments`, { body });
      await read();
      say(t(`包裹 ${parcel.n} 已发出。`, `Parcel ${parcel.n} is sent.`), "good");
    },
  });
}
