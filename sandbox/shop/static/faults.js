// What the service refuses, by its stable codes, in the buyer's language.

import { words } from "./language.js";

const SAID = {
  out_of_stock: ["库存不足，未下单。", "Less is left than you want; nothing was ordered."],
  empty_cart: ["购物车里没有选中的商品。", "Nothing in the cart is selected."],
  cart_full: ["购物车已满。", "The cart is full."],
  not_cancellable: ["订单已不能取消。", "The order can no longer be cancelled."],
  not_payable: ["订单已不能付款。", "The order can no longer be paid."],
  not_completable: ["订单还没有发货。", "The order has not been shipped."],
  not_found: ["没有找到。", "It was not found."],
  idempotency_key_reused: ["这次提交与上一次不同，请刷新后再试。", "This attempt differs from the last; reload and try again."],
  too_many_orders: ["下单太频繁，请稍后再试。", "Too many orders at once; try again in a moment."],
  alipay_refuses: ["支付宝拒绝了这次付款。", "Alipay refuses this payment."],
  unavailable: ["服务暂时不可用，请重试。", "The service is away for the moment; try again."],
  unreachable: ["暂时联系不上服务，请重试。", "The service cannot be reached; try again."],
};

/** A sentence for the buyer. */
export function faultOf(status, problem) {
  const said = SAID[problem.code] ?? (status >= 500 ? SAID.unavailable : null);
  return said ? words(...said) : words("请求没有成功。", "The request did not succeed.");
}

/** Why an order of these lines would be refused: a problem of a quote, with the title of its SKU. */
export function obstacle({ code, sku_id: skuId, wanted, available }, title) {
  const ofLine = {
    out_of_stock: available === 0 ? [`${title} 已售罄。`, `${title} is sold out.`] : [`${title} 只剩 ${available} 件，您要 ${wanted} 件。`, `${title}: ${available} left, you want ${wanted}.`],
    limit_exceeded: [`${title} 每人限购，您还可以买 ${available} 件。`, `${title}: limited per buyer, you may have ${available} more.`],
    not_on_sale: [`${title} 已下架。`, `${title} is not on sale.`],
    unknown_sku: [`${title} 已不存在。`, `${title} does not exist any more.`],
  };
  const ofAll = {
    limit_exceeded: ["您未付款的订单太多，请先付款或取消。", "You have too many unpaid orders; pay or cancel some first."],
    total_too_large: ["金额超过上限。", "The total is too large."],
    price_changed: ["价格已变动。", "The price has changed."],
    not_delivered: ["暂不送到这个地区。", "We do not deliver to this region."],
  };
  return words(...((skuId ? ofLine : ofAll)[code] ?? ["暂时不能下单。", "This cannot be ordered now."]));
}
