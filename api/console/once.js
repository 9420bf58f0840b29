// Steps that a click begins.

import { say } from "./dom.js";
import { sentence } from "./faults.js";

/** A step that runs once at a time: a second click meanwhile is none. The button keeps the focus, and a fault is said. */
export function once(step) {
  let isRunning = false;
  return async (event) => {
    event?.preventDefault();
    if (isRunning) return;
    const clicked = event?.submitter ?? event?.currentTarget;
    isRunning = true;
    clicked?.setAttribute("aria-disabled", "true");
    try {
      await step(event);
    } catch (fault) {
      if (fault.name !== "AbortError") say(sentence(fault), "bad");
    } finally {
      isRunning = false;
      clicked?.removeAttribute("aria-disabled");
    }
  };
}
