// The checkout API as this shop calls it. The shop's server signs the token; the browser never sees the secret.

import { faultOf } from "./faults.js";

let session = null;

export class ApiError extends Error {
  constructor(status, problem) {
    super(faultOf(status, problem));
    this.status = status;
    this.code = problem.code;
  }

  /** Whether the service has decided; otherwise the same request, with the same key, may be sent again. */
  get isFinal() {
    return this.status < 500 && this.status !== 429;
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
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, said);
  return said;
}
