// A question before something is done: in a modal dialog, answered once, with the fault beside it when there is one.

import { button, h } from "./dom.js";
import { explained } from "./faults.js";
import { t } from "./language.js";
import { once } from "./once.js";

let count = 0;

/** A field with its label, and its hint. `name` is the path by which the service names it. */
export function field(label, input, hint) {
  count += 1;
  input.id = `field-${count}`;
  if (hint) input.setAttribute("aria-describedby", `hint-${count}`);
  return h("div", { className: input.type === "checkbox" || input.type === "radio" ? "check" : "field" },
    h("label", { htmlFor: input.id }, label), input, hint ? h("small", { id: `hint-${count}` }, hint) : null);
}

/** Asks, and runs `step` when it is answered. Once it holds the dialog closes, and the focus goes to the element whose id the
 * step gives, or back to where it came from. `again` says what to do when nobody knows whether it was done. */
export function ask({ title, body = [], submit, tone = "primary", step, again = t("可以再发一次。", "It may be sent again."), onFault = () => {} }) {
  count += 1;
  let back = document.activeElement?.id;
  const wrong = h("div", { role: "alert" });
  const form = h("form", { noValidate: true },
    h("h2", { id: `title-${count}` }, title), body, wrong,
    h("div", { className: "actions" }, h("button", { className: tone }, submit), button(t("返回", "Back"), () => dialog.close())));
  const dialog = h("dialog", { "aria-labelledby": `title-${count}` }, form);
  form.onsubmit = once(async () => {
    wrong.replaceChildren();
    try {
      back = (await step()) ?? back;
      dialog.close();
    } catch (fault) {
      if (!dialog.open) throw fault;
      mark(form, fault);
      wrong.replaceChildren(explained(fault), fault.isDecided ? "" : h("p", {}, again));
      onFault(fault, form);
    }
  });
  dialog.onclose = () => {
    dialog.remove();
    (document.getElementById(back) ?? document.querySelector("main h1"))?.focus();
  };
  document.body.append(dialog);
  dialog.showModal();
  // Where nothing is filled in, Enter sends; unless that cannot be undone.
  const [yes, no] = form.querySelectorAll(".actions button");
  (form.querySelector("input:not([type=radio]), textarea") ?? (tone === "danger" ? no : yes)).focus();
  return dialog;
}

/** Shows at which field the fault is, and goes there. */
function mark(form, fault) {
  const paths = (fault.problem?.errors ?? []).map((error) => error.path);
  const inputs = [...form.querySelectorAll("[name]")];
  for (const input of inputs) input.setAttribute("aria-invalid", String(paths.includes(input.name)));
  inputs.find((input) => paths.includes(input.name))?.focus();
}

/** For `onFault`: while nobody knows whether it was done, nothing else can be asked for; only the same may be sent again. */
export function held(fault, form) {
  if (fault.isDecided) return;
  for (const one of form.querySelectorAll("fieldset, input")) one.disabled = true;
  form.querySelector(".actions button").focus();
}
