// What the order would cost and what would refuse it: asked for the newest selection, one request at a time.

import { addressOf } from "./address.js";
import { call, currentBuyer, takes } from "./api.js";

const AGAIN_MILLISECONDS = 3000;

export class Quote {
  constructor(ondraw) {
    this.ondraw = ondraw;
    this.wanted = "";
    this.known = "";
    this.asking = false;
    this.fault = null;
  }

  /** Asks for these items of the cart, unless their quote is here or on its way. */
  want(items) {
    const lines = items.map(({ sku_id, quantity }) => ({ sku_id, quantity }));
    const wanted = JSON.stringify(lines);
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    this.fault = null;
    if (!this.asking && lines.length) this.ask();
  }

  /** The service's answer, once it is the one for the newest selection; else null. */
  get answer() {
    return this.known === this.wanted ? this.last : null;
  }

  /** Asks anew: the service has just answered something else. */
  renew() {
    this.known = "";
    if (!this.asking) this.ask();
  }

  async ask() {
    this.asking = true;
    const about = this.wanted;
    const body = { items: JSON.parse(about), pay_method: takes("alipay") ? "alipay" : "cash", address: addressOf(currentBuyer()) };
    try {
      this.last = await call("POST", "/v1/quotes", body);
      this.known = about;
      this.fault = null;
    } catch (error) {
      if (about === this.wanted) {
        this.fault = error;
        setTimeout(() => { if (about === this.wanted && !this.asking) this.ask(); }, AGAIN_MILLISECONDS);
      }
    }
    this.asking = false;
    if (about !== this.wanted && this.wanted !== "[]") this.ask();
    else this.ondraw();
  }
}
