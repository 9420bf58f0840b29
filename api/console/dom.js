// Building the page from elements, never from strings of HTML: titles, notes and addresses come from outside.

import { moment } from "./format.js";

/** An element with its properties, event listeners (`onclick`), `data-` and `aria-` attributes, and children. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Shows these instead, and leaves the focus on the element of the same id. */
export function redraw(place, ...children) {
  const held = place.contains(document.activeElement) ? document.activeElement.id : "";
  place.replaceChildren(...children.flat(2).filter(Boolean));
  if (held) document.getElementById(held)?.focus({ preventScroll: true });
}

export const time = (at) => h("time", { dateTime: at }, moment(at));

export const link = (href, text, properties = {}) => h("a", { href, ...properties }, text);

export const orderLink = (id, text = `#${id}`, properties = {}) => link(`#/orders/${id}`, text, properties);

export const button = (text, onclick, properties = {}) => h("button", { type: "button", onclick, ...properties }, text);

/** Terms and what they are; rows without a value are left out. */
export const facts = (rows) => h("dl", { className: "facts" },
  rows.filter(([, value]) => value).map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));

/** A heading with what stands under it. */
export const section = (title, ...content) => h("section", { className: "card" }, h("h2", {}, title), ...content);

const notice = document.getElementById("notice");

/** Says something at the foot of the page until the next key or click; a screen reader says it too. */
export function say(text, tone = "") {
  notice.textContent = text;
  notice.className = tone;
}

for (const kind of ["pointerdown", "keydown"]) {
  document.addEventListener(kind, () => { notice.textContent = ""; }, true);
}
