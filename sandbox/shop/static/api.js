// The checkout API as this shop calls it. The shop's server signs the token; the browser never sees the secret.

import { faultOf } from "./faults.js";

// The header Date tells whole seconds: this is their middle.
const HALF_A_SECOND = 500;

let session = null;
let aheadMilliseconds = 0;

export class ApiError extends Error {
  constructor(status, problem) {
    super(faultOf(status, problem));
    this.status = status;
    this.code = problem.code;
    this.shortages = problem.shortages ?? [];
  }

  /** Whether the service has decided; otherwise the same request, with the same key, may be sent again. */
  get isFinal() {
    return this.status < 500 && ![401, 403, 408, 429].includes(this.status);
  }
}

/** Signs in as that demo buyer, or as the one of the last visit. */
export async function signIn(buyer = localStorage.getItem("buyer")) {
  let answer = await reach(`/session?buyer=${encodeURIComponent(buyer ?? "")}`);
  if (answer.status === 404) answer = await reach("/session");
  if (!answer.ok) throw new ApiError(answer.status, {});
  session = await answer.json();
  localStorage.setItem("buyer", session.buyer);
  return session;
}

export const currentBuyer = () => session.buyer;
/** Whether the shop takes that way to pay: "alipay" or "cash". */
export const takes = (payMethod) => session.pay_methods.includes(payMethod);
export const address = (path) => session.api + path;

/** The service's time, by which it ends what is to be paid: a buyer's own clock may be hours off. */
export const now = () => Date.now() + aheadMilliseconds;

function learnTime(answer) {
  const told = Date.parse(answer.headers.get("Date"));
  if (told) aheadMilliseconds = told + HALF_A_SECOND - Date.now();
}

async function send(method, path, body, headers) {
  const options = { method, headers: { Authorization: `Bearer ${session.token}`, ...headers } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  return reach(address(path), options);
}

async function reach(url, options = {}) {
  try {
    return await fetch(url, options);
  } catch {
    throw new ApiError(503, { code: "unreachable" });
  }
}

/** One call's JSON. Throws ApiError. A token that has run out is renewed once. */
export async function call(method, path, body, headers = {}) {
  let answer = await send(method, path, body, headers);
  if (answer.status === 401) {
    await signIn();
    answer = await send(method, path, body, headers);
  }
  learnTime(answer);
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, said);
  return said;
}
