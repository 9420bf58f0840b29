// The checkout API as an operator calls it. The token lives as long as the tab, and is never part of an address.

const KEY = "console.token";

let token = sessionStorage.getItem(KEY) ?? "";
let turnedAway = () => {};

export const isSignedIn = () => token !== "";

export function signIn(given) {
  token = given;
  sessionStorage.setItem(KEY, given);
}

export function signOut() {
  token = "";
  sessionStorage.removeItem(KEY);
}

/** Who is told when the API takes the token no more. */
export function onTurnedAway(listener) {
  turnedAway = listener;
}

/** What the API answers instead of what was asked: RFC 9457, or nothing at all (status 0). */
export class Fault extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }

  /** Whether the service has decided; otherwise the same request, with the same key, may be sent again. */
  get isDecided() {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

/** One call's answer as it came. Throws Fault; an aborted call throws AbortError. */
export async function send(method, path, { body, headers = {}, signal } = {}) {
  const options = { method, signal, cache: "no-store", credentials: "omit", headers: { Authorization: `Bearer ${token}`, ...headers } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault(0, { code: "unreachable" });
  }
  if (answer.ok || answer.status === 304) return answer;
  const fault = new Fault(answer.status, await answer.json().catch(() => ({})));
  if (answer.status === 401 || answer.status === 403) turnedAway(fault);
  throw fault;
}

/** One call's JSON; nothing for 204. */
export async function call(method, path, options) {
  const answer = await send(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

/** A path with its query; what is empty is left out. */
export function withQuery(path, query) {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return asked.size ? `${path}?${asked}` : path;
}

/** A key that nobody guesses; `crypto.randomUUID` is there over HTTPS and on this machine alone. */
export const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** What is sent again unchanged is the same intent, with the same key; a refusal that led to other words makes another one. */
export function intents() {
  let intent = null;
  return (body) => {
    if (JSON.stringify(body) !== JSON.stringify(intent?.body)) intent = { key: randomKey(), body };
    return intent;
  };
}
