// Who has no token yet, or one that holds no more.

import { call, signIn, signOut } from "./api.js";
import { h } from "./dom.js";
import { explained } from "./faults.js";
import { t } from "./language.js";
import { once } from "./once.js";

/** Asks for a token, and goes on when the API takes it. `fault` says why one is asked for again. */
export function showSignIn(main, enter, fault = null) {
  document.title = t("登录 · 运营台", "Sign in · Console");
  const token = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: false, required: true, "aria-describedby": "token-hint" });
  const wrong = h("div", { role: "alert" }, fault ? explained(fault) : null);
  const form = h("form", { className: "card", noValidate: true },
    h("h1", {}, t("运营登录", "Operators' console")),
    h("label", { htmlFor: "token" }, t("运营令牌", "Operator's token")), token,
    h("p", { id: "token-hint", className: "quiet" },
      t("由管理员签发：", "Whoever runs the service makes one:"), h("code", {}, "checkout token --user ID --operator"),
      t("仅保存在此标签页，关闭即清除。", "It is kept in this tab alone, until the tab is closed.")),
    wrong, h("button", { className: "primary" }, t("登录", "Sign in")));
  form.onsubmit = once(async () => {
    wrong.replaceChildren();
    const given = token.value.trim().replace(/^bearer\s+/i, "");
    if (!/^[\w.~+/=-]+$/.test(given)) {
      wrong.replaceChildren(h("p", { className: "fault" }, t("请粘贴完整的令牌。", "Paste the whole token.")));
      token.focus();
      return;
    }
    signIn(given);
    try {
      await call("GET", "/v1/stuck");
    } catch (denied) {
      signOut();
      // One that the API turns away shows a new form, which says so.
      if (denied.status !== 401 && denied.status !== 403) wrong.replaceChildren(explained(denied));
      return;
    }
    enter();
  });
  main.replaceChildren(h("div", { className: "entrance" }, form));
  token.focus();
}
