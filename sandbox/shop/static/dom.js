// Building the page from elements, never from strings of HTML: titles and addresses come from outside.

/** An element with its properties, event listeners (`onclick`), `data-` and `aria-` attributes, and children. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Chinese first, with its small English caption. */
export function words(chinese, english) {
  return h("span", { className: "words" }, chinese, h("small", {}, english));
}

export function button(chinese, english, onclick, className = "") {
  return h("button", { type: "button", className, onclick }, words(chinese, english));
}

export const yuan = (amount) => `¥${amount}`;

export const clock = (time) => new Date(time).toLocaleTimeString("zh-CN", { hour12: false });

const notice = document.getElementById("notice");
let hiding = 0;

/** Says something for a while at the foot of the page. */
export function say(text, isBad = false) {
  notice.textContent = text;
  notice.className = isBad ? "bad" : "";
  notice.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { notice.hidden = true; }, 6000);
}

/** Runs one click: the button rests meanwhile, and a failure is said instead of thrown. */
export async function busy(element, step) {
  element.disabled = true;
  try {
    await step();
  } catch (error) {
    say(error.message, true);
  } finally {
    element.disabled = false;
  }
}
