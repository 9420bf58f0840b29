// Money, times and durations as people read them. All times are Beijing's.

import { t } from "./language.js";

/** `1234.50` as ¥1,234.50. */
export const yuan = (amount) => `¥${String(amount).replace(/\B(?=(\d{3})+(?!\d))/g, ",")}`;

export const fen = (amount) => Math.round(Number(amount) * 100);
export const ofFen = (count) => (count / 100).toFixed(2);

// Sweden writes dates as ISO 8601 does.
const beijing = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "medium" });

/** `2026-11-27 16:03:05` in Beijing. */
export const moment = (time) => beijing.format(new Date(time));
export const day = (time) => moment(time).slice(0, 10);
export const clock = (time) => moment(time).slice(11);

const STEPS = [[86400, "天", "d"], [3600, "小时", "h"], [60, "分", "min"], [1, "秒", "s"]];

/** The largest whole unit of so many seconds: 3 min. */
export function duration(seconds) {
  const [size, chinese, english] = STEPS.find(([least]) => seconds >= least) ?? STEPS[3];
  return `${Math.floor(seconds / size)} ${t(chinese, english)}`;
}

export const ago = (time) => t(`${duration((Date.now() - new Date(time)) / 1000)}前`, `${duration((Date.now() - new Date(time)) / 1000)} ago`);
