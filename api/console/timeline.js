// One order's story: what was asked, what Alipay said, who was told.

import { h } from "./dom.js";
import { clock, day, moment, yuan } from "./format.js";
import { t, word } from "./language.js";
import { told } from "./matters.js";
import { DETAIL, EVENT, KIND, VALUE } from "./words.js";

const AMOUNTS = ["total_amount", "amount", "ours", "theirs", "refund_fee", "freight", "discount", "goods_amount", "refunded_amount"];
// The details whose values are words of the service; all others are somebody's own text, whatever it looks like.
const WORDS = ["status", "reason", "pay_method", "method", "source", "evidence", "outcome", "said", "taken", "restock"];
const TIME = /_(at|until|before)$/;

/** The whole timeline, a list for each Beijing day. */
export function timelineView(timeline) {
  if (!timeline.entries.length) return [h("p", { className: "quiet" }, t("还没有记录。", "Nothing yet."))];
  const days = grouped(timeline.entries);
  return [
    ...[...days].map(([date, entries]) => [h("h3", {}, date), h("ol", { className: "timeline" }, entries.map(entryView))]),
    timeline.truncated ? h("p", { className: "quiet" }, t("只显示最早的一千条。", "Only the first thousand are shown.")) : null,
  ].flat();
}

function grouped(entries) {
  const days = new Map();
  for (const entry of entries) days.set(day(entry.at), [...(days.get(day(entry.at)) ?? []), entry]);
  return days;
}

function tone(entry) {
  if (entry.kind === "alarm" || entry.kind === "bill" || /failed|rejected/.test(entry.what) || entry.detail.taken === false) return "bad";
  if (/paid|succeeded|SUCCESS|FINISHED/.test(entry.what)) return entry.kind === "webhook" ? "" : "good";
  return "";
}

function title(entry) {
  if (entry.kind === "webhook") return t(`Webhook：${word(EVENT, entry.what)}`, `Webhook: ${word(EVENT, entry.what)}`);
  if (entry.kind === "resolution") return t(`人工处理：${word(KIND, entry.what)}`, `Settled by a person: ${word(KIND, entry.what)}`);
  return word(Object.hasOwn(KIND, entry.what) ? KIND : EVENT, entry.what ?? "");
}

function entryView(entry) {
  return h("li", { className: tone(entry) },
    h("time", { dateTime: entry.at, title: moment(entry.at) }, clock(entry.at)),
    h("div", {}, h("p", {}, h("strong", {}, title(entry))), details(entry.detail)));
}

function details(detail) {
  const known = Object.entries(detail).filter(([, value]) => value !== null && value !== "");
  return known.length ? h("dl", { className: "details" }, known.map(([name, value]) =>
    h("div", {}, h("dt", {}, word(DETAIL, name)), h("dd", {}, shown(name, value))))) : null;
}

function shown(name, value) {
  if (name === "says") return told(value);
  if (AMOUNTS.includes(name)) return yuan(value);
  if (Array.isArray(value)) return value.map(piece).join(t("，", ", "));
  if (typeof value === "object") return JSON.stringify(value);
  if (TIME.test(name)) return moment(value);
  return WORDS.includes(name) ? word(VALUE, value) : String(value);
}

/** A line of an order, or whatever else stands in a list. */
function piece(one) {
  if (one === null || typeof one !== "object") return String(one);
  return one.sku_id ? `SKU ${one.sku_id} × ${one.quantity ?? one.wanted ?? ""}` : JSON.stringify(one);
}
