// What the service says of what is stuck, for who reads Chinese. Its sentences are English; one that is not known here
// is shown as it came.

import { h } from "./dom.js";
import { language } from "./language.js";

const SENTENCES = [
  [/^(\S+) yuan came too late or twice for order (\d+); (\S+) went back, (\S+) is on its way$/, "订单 $2 迟到或重复收到 $1 元；已退 $3 元，在途 $4 元"],
  [/^a refund of (\S+) yuan of order (\d+): Alipay does not say whether it was made \(try (\d+)\)$/, "订单 $2 退款 $1 元：支付宝没有说明是否已退（第 $3 次）"],
  [/^a refund of (\S+) yuan of order (\d+) was refused: Alipay did not say why$/, "订单 $2 退款 $1 元被拒，支付宝没有说明原因"],
  [/^a refund of (\S+) yuan of order (\d+) was refused: (.*)$/, "订单 $2 退款 $1 元被拒：$3"],
  [/^a refund of (\S+) yuan of order (\d+) was tried (\d+) times: (.*)$/, "订单 $2 退款 $1 元已试 $3 次：$4"],
  [/^a refund of (\S+) yuan of order (\d+) was due at (.*)$/, "订单 $2 退款 $1 元应在 $3 处理"],
  [/^Alipay was asked (\d+) times and does not say whether (\S+) yuan were paid for order (\d+)$/, "已向支付宝查询 $1 次，仍不知订单 $3 的 $2 元是否已付"],
  [/^order (\d+) cannot be placed: (.*)$/, "订单 $1 无法处理：$2"],
  [/^order (\d+) waits to be placed$/, "订单 $1 等待处理"],
  [/^nobody will ever ask about (\S+) yuan of order (\d+)$/, "不会再有人查询订单 $2 的 $1 元"],
  [/^nobody will ever send a refund of (\S+) yuan of order (\d+)$/, "不会再有人发出订单 $2 的 $1 元退款"],
  [/^what Alipay told of (\S+) yuan for order (\d+) is not applied$/, "支付宝关于订单 $2 的 $1 元的通知尚未处理"],
  [/^nobody has looked at order (\d+), which is (\w+).*$/, "订单 $1（$2）没有人跟进"],
  [/^Alipay tells of (\S+) yuan \((\S+), trade (\S+)\) for order (\d+), which asks (\S+)$/, "支付宝通知 $1 元（$2，交易 $3），而订单 $4 应付 $5 元"],
  [/^Alipay tells of (\S+) yuan \((\S+), trade (\S+)\) for order (\d+), number (\S+): (\w+)$/, "支付宝通知订单 $4 收到 $1 元（$2，交易 $3），单号 $5：$6"],
  [/^Alipay tells of (\S+) yuan \((\S+), trade (\S+)\) for (\S+), which is no payment of ours$/, "支付宝通知 $1 元（$2，交易 $3），单号 $4 不是我们的付款"],
  [/^Alipay refuses to send (\S+) yuan of order (\d+) back: (.*)$/, "支付宝拒绝退还订单 $2 的 $1 元：$3"],
  [/^(\w+) on the bill of (\S+): ours (\S+), theirs (\S+); (.*)$/, "$2 的账单有差异（$1）：我方 $3，对方 $4；$5"],
  [/^(.+) has not taken an event of (\S+): the log drops it (\d+) days later$/, "$1 还没有收下 $2 的事件：再过 $3 天日志就不再保留"],
  [/^(.+) answered 410: nothing more is sent to it$/, "$1 回答 410：不再向它发送"],
  [/^(.+) has refused events of (\d+) subjects: it waits as a whole now$/, "$1 拒收了 $2 个对象的事件：现在整个等待"],
  [/^this and later events have not left$/, "此事件及之后的事件尚未发出"],
];

const CURES = {
  money_not_kept: "等它自动退回；见订单的付款与退款",
  refund_unknown: "系统会再次查询；久不明确时与支付宝后台核对",
  refund_failed: "先解决错误所指的原因，再发起退款，或用别的方式退给买家",
  refund_tried_often: "看错误原因：账户余额、买家账户",
  refund_overdue: "确认定时任务与工作进程在运行（checkout doctor）",
  bill_differs: "按说明处理，然后重新对账（checkout reconcile）",
  notify_of_unknown_payment: "在支付宝后台查这笔交易；不属于本店则在后台退款",
  notify_amount_differs: "与支付宝后台的交易核对，多出的在后台退款",
  query_amount_differs: "与支付宝后台的交易核对，多出的在后台退款",
  trade_differs: "在支付宝后台查两笔交易，把不对应订单的一笔退款",
  trade_older_than_attempt: "在支付宝后台查这笔交易：它来自同一商户号的另一个数据库",
  query_too_old: "在支付宝后台查这笔交易：它来自同一商户号的另一个数据库",
  refund_refused: "解决支付宝所指的原因，或在后台退款；系统每小时重试",
  bill_unreadable: "在支付宝后台看那一天；用 checkout reconcile --fetch-again 重新对账",
  bill_line_unclear: "与支付宝后台核对该笔交易；那一天的其余部分已对账",
  outcome_unknown: "确认支付宝有应答（checkout doctor）；在此之前库存一直占用",
  notify_failed: "解决错误所指的原因；系统会继续向支付宝查询",
  query_failed: "解决错误所指的原因；系统会再次查询",
  answer_differs: "联系支付宝支持：签名的应答说的是另一件事；系统会再次查询",
  trade_missing: "在支付宝后台查这笔交易：曾经建立，支付宝却否认",
  webhook_falls_behind: "checkout webhooks show ID：修好接收方，或移除它；事件保留 30 天",
  webhook_full: "checkout webhooks show ID：修好接收方，再 checkout webhooks replay ID",
  webhook_gone: "接收方不再接收：checkout webhooks remove ID；恢复时 replay ID",
  notify_for_another: "检查 CHECKOUT_ALIPAY_APP_ID 与 CHECKOUT_ALIPAY_SELLER_ID，以及谁在用这个地址",
  order_parked: "解决错误所指的原因，然后重试订单，或取消它",
  order_tried_alone: "解决错误所指的原因，或看工作进程的日志；系统会重试，也可取消",
  order_not_placed: "确认 orders 队列的工作进程在运行（checkout doctor）",
  step_overdue: "确认定时任务与工作进程在运行（checkout doctor）",
  forgotten: "有人直接改了数据表：见 checkout audit，并设定何时到期",
  notify_not_applied: "确认 orders 队列的工作进程在运行（checkout doctor）",
  events_not_sent: "确认事件的消息代理有应答、定时任务在运行（checkout doctor）",
};

/** A sentence of the service, in Chinese where that is known. */
export function told(text) {
  const [pattern, chinese] = (language === "zh" && SENTENCES.find(([one]) => one.test(text))) || [];
  return pattern ? h("span", {}, text.replace(pattern, chinese)) : h("span", { lang: "en" }, text);
}

/** What a person can do about it. */
export const cureOf = (matter) => (language === "zh" && matter.kind in CURES ? h("span", {}, CURES[matter.kind]) : h("span", { lang: "en" }, matter.cure));
