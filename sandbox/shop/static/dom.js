// Building the page from elements, never from strings of HTML: titles and addresses come from outside.

/** An element with its properties, event listeners (`onclick`), `data-` and `aria-` attributes, and children. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...present(children));
  return element;
}

const present = (children) => children.flat(2).filter((child) => child !== null && child !== undefined && child !== false);

/** Draws anew what an element holds. Whoever had the focus has it again, by its id, or the nearest heading has. */
export function redraw(element, ...children) {
  const held = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren(...present(children));
  if (!held) return;
  const again = (held.id && document.getElementById(held.id)) || element.querySelector("h1, h2");
  if (again?.matches("h1, h2")) again.tabIndex = -1;
  again?.focus({ preventScroll: true });
}

/** A button with an id, so that it keeps the focus when it is drawn anew. */
export function button(id, text, onclick, className = "") {
  return h("button", { id, type: "button", className, onclick }, text);
}

export const yuan = (amount) => `¥${amount}`;

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

/** Runs one click: the button rests meanwhile without losing the focus, and a failure is said instead of thrown. */
export async function busy(element, step) {
  if (element.getAttribute("aria-disabled") === "true") return;
  element.setAttribute("aria-disabled", "true");
  try {
    await step();
  } catch (error) {
    say(error.message, true);
  } finally {
    element.removeAttribute("aria-disabled");
  }
}

/** Asks before what cannot be undone; resolves to the answer. The browser itself gives the focus back. */
export function confirmed(question, yes, no) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-labelledby": "question" },
      h("p", { id: "question" }, question),
      h("form", { method: "dialog", className: "actions" },
        h("button", { value: "no", className: "primary" }, no), h("button", { value: "yes", className: "quiet" }, yes)));
    dialog.onclose = () => { dialog.remove(); resolve(dialog.returnValue === "yes"); };
    document.body.append(dialog);
    dialog.showModal();
  });
}
