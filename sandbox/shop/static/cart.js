// The cart as the buyer sees it: a change shows at once; the changes go out one after the other, the newest of each SKU.

import { call } from "./api.js";

export class Cart {
  constructor(items, ondraw) {
    this.items = items;
    this.known = items;
    this.ondraw = ondraw;
    this.unsent = new Map();
    this.sending = null;
  }

  quantityOf(skuId) {
    return this.items.find((item) => item.sku_id === skuId)?.quantity ?? 0;
  }

  /** Resolves when the service has this change and all before it. Throws ApiError, and shows what the service has then,
   * or had when it answered last. */
  set(skuId, quantity, selected = true) {
    const others = this.items.filter((item) => item.sku_id !== skuId);
    const own = quantity ? [{ sku_id: skuId, quantity, selected }] : [];
    this.items = [...others, ...own].sort((a, b) => (a.sku_id < b.sku_id ? -1 : 1));
    this.unsent.set(skuId, { quantity, selected });
    this.ondraw();
    this.sending ??= this.send().finally(() => { this.sending = null; });
    return this.sending;
  }

  /** Waits for whatever is on its way. */
  async settled() {
    while (this.sending) await this.sending;
  }

  async send() {
    let fault = null;
    while (this.unsent.size) {
      const [[skuId, { quantity, selected }]] = this.unsent;
      this.unsent.delete(skuId);
      const path = `/v1/cart/items/${encodeURIComponent(skuId)}`;
      try {
        this.take((quantity ? await call("PUT", path, { quantity, selected }) : await call("DELETE", path)).items);
      } catch (error) {
        fault = error;
        this.unsent.clear();
        this.take(await call("GET", "/v1/cart").then(({ items }) => items, () => this.known));
      }
    }
    if (fault) throw fault;
  }

  /** An answer that later clicks have overtaken is not shown. */
  take(items) {
    this.known = items;
    if (this.unsent.size) return;
    this.items = items;
    this.ondraw();
  }
}
