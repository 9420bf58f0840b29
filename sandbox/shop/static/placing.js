// One attempt to order has one Idempotency-Key, made once and kept until the service has answered: a double click,
// a reload or a lost answer makes one order.

import { addressOf } from "./address.js";
import { ApiError, call, currentBuyer } from "./api.js";

/** A key that nobody guesses; `crypto.randomUUID` is there over HTTPS and on this machine alone. */
const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const place = () => `attempt ${currentBuyer()}`;

function keyFor(request) {
  const kept = JSON.parse(sessionStorage.getItem(place()) ?? "null");
  if (kept && kept.request === request) return kept.key;
  const key = randomKey();
  sessionStorage.setItem(place(), JSON.stringify({ key, request }));
  return key;
}

/** Orders what is selected in the cart, for that total in yuan or not at all. Throws ApiError. */
export async function orderFromCart(payMethod, total) {
  const body = {
    from_cart: true,
    expected_total: total,
    pay_method: payMethod,
    address: addressOf(currentBuyer()),
  };
  try {
    const order = await call("POST", "/v1/orders", body, { "Idempotency-Key": keyFor(JSON.stringify(body)) });
    sessionStorage.removeItem(place());
    return order;
  } catch (error) {
    if (error instanceof ApiError && error.isFinal) sessionStorage.removeItem(place());
    throw error;
  }
}
