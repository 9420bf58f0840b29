// The service's words in the operator's language. Each table has [Chinese, English].

import { h } from "./dom.js";
import { word } from "./language.js";

export const STATUS = {
  accepted: ["已接收", "accepted"],
  rejected: ["未成交", "rejected"],
  awaiting_payment: ["待付款", "awaiting payment"],
  awaiting_shipment: ["待发货", "awaiting shipment"],
  shipped: ["已发货", "shipped"],
  completed: ["已完成", "completed"],
  closed: ["已关闭", "closed"],
};

const TONE = { accepted: "wait", rejected: "off", awaiting_payment: "wait", awaiting_shipment: "due", shipped: "good", completed: "good", closed: "off" };

export const REASON = {
  out_of_stock: ["库存不足", "out of stock"],
  price_changed: ["价格已变动", "the price had changed"],
  unknown_sku: ["商品不存在", "unknown SKU"],
  not_on_sale: ["商品已下架", "not on sale"],
  limit_exceeded: ["超出限购或未付款订单过多", "a limit was exceeded"],
  total_too_large: ["金额过大", "the total is too large"],
  expired: ["超时未付款", "not paid in time"],
  cancelled: ["已取消", "cancelled"],
  refunded: ["已全额退款", "refunded in full"],
};

export const PAYMENT = { open: ["等待付款", "open"], paid: ["已付款", "paid"], closed: ["已关闭", "closed"], refunded: ["已全额退款", "refunded in full"] };

export const REFUND = { requested: ["处理中", "on its way"], unknown: ["结果未知", "unknown"], succeeded: ["已退款", "refunded"], failed: ["失败", "failed"] };

export const SOURCE = { operator: ["运营发起", "by an operator"], late: ["迟到的付款", "late money"], double: ["重复付款", "paid twice"], external: ["支付宝后台", "in Alipay's console"] };

export const METHOD = {
  alipay: ["支付宝", "Alipay"], cash: ["货到付款", "cash on delivery"], page: ["电脑网站", "web page"], wap: ["手机网站", "mobile page"], app: ["App", "app"],
  qr: ["扫码", "QR code"], order_code: ["订单码", "order code"], mini: ["小程序", "mini-program"],
};

/** The status with its reason. */
export const statusWords = (order) => word(STATUS, order.status) + (order.reason ? ` · ${word(REASON, order.reason)}` : "");

/** The same as a tag with a tone of its own. */
export const statusTag = (order) => h("span", { className: `tag ${TONE[order.status] ?? ""}` }, statusWords(order));

/** What a person is asked to look at; those of `MONEY` first. */
export const KIND = {
  money_not_kept: ["多收或迟到的钱", "Money not kept"],
  refund_unknown: ["退款结果未知", "Refund of unknown fate"],
  refund_failed: ["退款失败", "Refund failed"],
  refund_tried_often: ["退款多次未成", "Refund tried many times"],
  refund_overdue: ["退款超时", "Refund overdue"],
  bill_differs: ["账单有差异", "Bill differs"],
  notify_of_unknown_payment: ["收到未知付款", "Money for an unknown payment"],
  notify_amount_differs: ["通知金额不符", "A notify's amount differs"],
  query_amount_differs: ["查询金额不符", "A query's amount differs"],
  trade_differs: ["交易号不符", "Trade differs"],
  trade_older_than_attempt: ["交易早于订单", "Trade older than its attempt"],
  query_too_old: ["查到的交易早于订单", "Trade found is too old"],
  refund_refused: ["退款被拒", "Refund refused"],
  bill_unreadable: ["账单无法读取", "Bill unreadable"],
  bill_line_unclear: ["账单行不明确", "Bill line unclear"],
  outcome_unknown: ["付款结果未知", "Payment of unknown outcome"],
  notify_failed: ["通知处理失败", "Notify failed"],
  query_failed: ["查询处理失败", "Query failed"],
  answer_differs: ["应答不符", "Answer differs"],
  trade_missing: ["交易缺失", "Trade missing"],
  webhook_falls_behind: ["Webhook 落后", "Webhook falls behind"],
  webhook_full: ["Webhook 已满", "Webhook is full"],
  webhook_gone: ["Webhook 已失效", "Webhook is gone"],
  notify_for_another: ["通知属于别的应用", "Notify for another app or seller"],
  order_parked: ["订单搁置", "Order parked"],
  order_tried_alone: ["订单单独重试", "Order tried alone"],
  order_not_placed: ["订单未处理", "Order not placed"],
  step_overdue: ["步骤超时", "Step overdue"],
  forgotten: ["无人跟进", "Forgotten"],
  notify_not_applied: ["通知未处理", "Notify not applied"],
  events_not_sent: ["事件未发出", "Events not sent"],
};

const ABOUT_OTHERS = ["webhook_falls_behind", "webhook_full", "webhook_gone", "order_parked", "order_tried_alone", "order_not_placed", "events_not_sent"];

export const isAboutMoney = (kind) => !ABOUT_OTHERS.includes(kind);

/** What happened, on an order's timeline. */
export const EVENT = {
  accepted: ["下单", "Order came in"],
  erased: ["个人信息已抹除", "Personal data erased"],
  "order.placed": ["已占库存，等待付款", "Placed: stock taken"],
  "order.rejected": ["未成交", "Rejected"],
  "order.paid": ["已付款", "Paid"],
  "order.shipped": ["已发货", "Shipped"],
  "order.completed": ["已完成", "Completed"],
  "order.closed": ["已关闭", "Closed"],
  "order.reinstated": ["付款迟到，订单恢复", "Reinstated by late money"],
  "payment.created": ["新建付款", "Payment made"],
  "payment.succeeded": ["付款成功", "Payment succeeded"],
  "payment.closed": ["付款关闭", "Payment closed"],
  "refund.requested": ["退款已发起", "Refund requested"],
  "refund.succeeded": ["退款成功", "Refund succeeded"],
  "refund.failed": ["退款失败", "Refund failed"],
  "handed to the buyer": ["付款链接已交给买家", "Pay link handed to the buyer"],
  sent: ["包裹发出", "Parcel sent"],
  TRADE_SUCCESS: ["支付宝通知：付款成功", "Alipay tells: paid"],
  TRADE_FINISHED: ["支付宝通知：交易完结", "Alipay tells: trade finished"],
  TRADE_CLOSED: ["支付宝通知：交易关闭", "Alipay tells: trade closed"],
  WAIT_BUYER_PAY: ["支付宝通知：等待付款", "Alipay tells: waiting for the buyer"],
  query: ["向支付宝查询", "Alipay was asked"],
  close: ["请支付宝关闭交易", "Alipay was asked to close"],
  refund: ["请支付宝退款", "Alipay was asked to refund"],
  refund_query: ["向支付宝查询退款", "Alipay was asked about a refund"],
  ours_only: ["账单缺这一笔", "Not on Alipay's bill"],
  theirs_only: ["账单多这一笔", "Only on Alipay's bill"],
  amount: ["账单金额不符", "The bill's amount differs"],
  state: ["账单状态不符", "The bill's state differs"],
};

/** What stands beside an entry. */
export const DETAIL = {
  total_amount: ["合计", "total"], amount: ["金额", "amount"], status: ["状态", "status"], reason: ["原因", "reason"], user_id: ["用户", "user"],
  pay_method: ["付款方式", "pay method"], reference: ["外部单号", "reference"], payment_id: ["付款", "payment"], refund_id: ["退款", "refund"],
  out_trade_no: ["商户单号", "out_trade_no"], trade_no: ["交易号", "trade_no"], evidence: ["依据", "evidence"], source: ["来源", "source"],
  error: ["错误", "error"], method: ["方式", "method"], payable_until: ["可付至", "payable until"], n: ["包裹", "parcel"], carrier: ["承运", "carrier"],
  tracking_number: ["运单号", "tracking"], items: ["商品", "items"], sku_ids: ["SKU", "SKUs"], quantities: ["件数", "units"], id: ["编号", "number"],
  refund_fee: ["已退", "refunded"], outcome: ["结果", "outcome"], applied_at: ["处理于", "applied"], blanked_at: ["抹除于", "blanked"],
  request_no: ["请求号", "request"], said: ["应答", "said"], times: ["次数", "times"], last_at: ["最近", "last"], day: ["账单日", "day"], ours: ["我方", "ours"],
  theirs: ["对方", "theirs"], resolved_at: ["解决于", "resolved"], webhook_id: ["Webhook", "webhook"], event_id: ["事件", "event"], taken: ["已收", "taken"],
  answer: ["应答", "answer"], subject: ["对象", "about"], says: ["内容", "says"], note: ["备注", "note"], freight: ["运费", "freight"],
  lines: ["商品", "lines"], discount: ["优惠", "discount"], goods_amount: ["商品金额", "goods"], restock: ["退回库存", "restock"], shortages: ["缺货", "shortages"], refunded_amount: ["已退", "refunded"],
  shipments: ["包裹", "parcels"], pay_before: ["付款期限", "pay before"],
};

/** The values of a detail that are words themselves. */
export const VALUE = {
  ...REASON, ...METHOD, ...SOURCE,
  never_offered: ["从未交给买家", "never handed out"], closed_at_alipay: ["已在支付宝关闭", "closed at Alipay"], expired_unborn: ["过期，交易未产生", "expired, no trade was made"],
  applied: ["已采用", "applied"], unchanged: ["无变化", "no change"], amount_differs: ["金额不符", "amount differs"], too_old: ["早于订单", "too old"],
  unknown_payment: ["未知付款", "unknown payment"], failed: ["失败", "failed"], succeeded: ["成功", "succeeded"], requested: ["处理中", "on its way"],
  true: ["是", "yes"], false: ["否", "no"], ...STATUS, open: ["等待付款", "open"], paid: ["已付款", "paid"],
};
