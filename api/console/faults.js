// What went wrong, in words: what the code means, what the service says of it, and where the fault is.

import { h } from "./dom.js";
import { t, word } from "./language.js";

const CODES = {
  unreachable: ["联系不上服务，不知道是否已执行。", "The service cannot be reached; whether it was done is not known."],
  unavailable: ["服务暂时不可用，不知道是否已执行。", "The service is away for a moment; whether it was done is not known."],
  internal: ["服务出错了，详情在它的日志里。", "The service failed; its log has the cause."],
  unauthorized: ["令牌无效或已过期，请重新登录。", "The token does not hold, or not any more. Sign in again."],
  forbidden: ["此令牌没有运营权限（operator）。", "This token lacks the scope operator."],
  not_found: ["没有找到。", "There is no such thing."],
  invalid: ["内容不符合要求。", "Something does not fit."],
  bad_request: ["请求无法读取。", "The request cannot be read."],
  body_too_large: ["内容太长。", "That is too long."],
  request_timeout: ["请求发送太慢。", "The request came too slowly."],
  too_many_orders: ["请求太频繁，请稍后再试。", "Too many requests; wait a little."],
  not_cancellable: ["订单已不能取消。", "The order can no longer be cancelled."],
  not_shippable: ["订单不能这样发货：尚未付款，或剩余件数不足。", "It cannot be shipped so: not paid, or less is left than that."],
  not_refundable: ["订单没有可退的付款。", "Nothing of the order can be refunded."],
  not_waiting: ["订单不在等待下单。", "The order does not wait to be placed."],
  refund_exceeds_paid: ["退款超过剩余的已付金额。", "That is more than is left of what was paid."],
  refund_exceeds_bought: ["退款件数超过剩余的已购件数。", "That is more than is left of what was bought."],
  idempotency_key_reused: ["这次请求的标识已用于另一笔退款。请关闭后重新填写。", "The key came with another refund before. Close this and begin again."],
  upgrade_unfinished: ["升级尚未完成，请稍后再试。", "An upgrade is not finished; try later."],
};

// What the service says of a member that does not fit.
const MESSAGES = [
  [/length >= (\d+)/, (n) => t(`至少 ${n} 个字符`, `at least ${n} character${n === "1" ? "" : "s"}`)],
  [/length <= (\d+)/, (n) => t(`最多 ${n} 个字符`, `at most ${n} characters`)],
  [/`int` >= (-?\d+)/, (n) => t(`至少 ${n}`, `at least ${n}`)],
  [/`int` <= (-?\d+)/, (n) => t(`最多 ${n}`, `at most ${n}`)],
  [/expected yuan/, () => t("金额要写成两位小数，如 119.80", "yuan with two decimals, like 119.80")],
  [/at least 0\.01|price from 0\.01/, () => t("至少 0.01", "at least 0.01")],
  [/expected `int`|number from/i, () => t("需要整数", "a whole number is expected")],
  [/matching regex/, () => t("不能只有空白", "not blanks alone")],
];

function message(text) {
  for (const [pattern, says] of MESSAGES) {
    const found = text.match(pattern);
    if (found) return says(found[1]);
  }
  return text;
}

/** The sentence of a fault. */
export function sentence(fault) {
  return Object.hasOwn(CODES, fault.problem?.code) ? word(CODES, fault.problem.code) : fault.message;
}

/** A fault with what the service says of it, each path with its message. */
export function explained(fault) {
  const errors = fault.problem?.errors ?? [];
  const detail = fault.problem?.detail;
  return h("div", { className: "fault" }, h("p", {}, h("strong", {}, sentence(fault))),
    errors.length ? h("ul", {}, errors.map((error) => h("li", {}, h("code", {}, error.path), " ", message(error.message)))) : null,
    detail && !errors.length && detail !== sentence(fault) ? h("p", { className: "quiet", lang: "en" }, detail) : null);
}
