// A buyer with a client of openapi-typescript and openapi-fetch: places an order, pays it, and follows it until then.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";
import { body } from "./body.js";

type Order = components["schemas"]["OrderBody"];

const [url, token, alipay, adminToken] = process.argv.slice(2) as [string, string, string, string];
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });

async function place(): Promise<Order> {
  const key = { header: { "Idempotency-Key": "by-typescript" } };
  const { data, error } = await client.POST("/v1/orders", { params: key, body });
  if (error) throw new Error(`${error.code}: ${error.errors?.[0]?.path ?? error.detail}`);
  return data;
}

/** Waits, without asking again and again, until the order has that status. */
async function until(id: string, status: Order["status"]): Promise<Order> {
  let known = "";
  for (;;) {
    const header = { Prefer: "wait=10", ...(known && { "If-None-Match": known }) };
    const { data, response } = await client.GET("/v1/orders/{order_id}", { params: { path: { order_id: id }, header } });
    known = response.headers.get("ETag") ?? "";
    if (data?.status === status) return data;
  }
}

async function pay(id: string): Promise<void> {
  const { data, error } = await client.POST("/v1/orders/{order_id}/payments", {
    params: { path: { order_id: id } },
    body: { method: "wap" },
  });
  if (error) throw new Error(error.code);
  const headers = { Authorization: `Bearer ${adminToken}`, "Content-Type": "application/json" };
  const paid = await fetch(`${alipay}/admin/pay`, {
    method: "POST",
    headers,
    body: JSON.stringify({ pay_url: data.pay_url }),
  });
  if (!paid.ok) throw new Error(`the cashier answers ${paid.status}`);
}

/** The first event of the order's stream. */
async function firstEvent(id: string): Promise<Order> {
  const { response } = await client.GET("/v1/orders/{order_id}/events", {
    params: { path: { order_id: id } },
    parseAs: "stream",
  });
  let text = "";
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const [, event] = text.match(/^data: (.*)\n/m) ?? [];
    if (event) return JSON.parse(event) as Order;
  }
  throw new Error("the stream ended");
}

const { id } = await place();
const placed = await until(id, "awaiting_payment");
await pay(id);
const paid = await until(id, "awaiting_shipment");
const told = await firstEvent(id);
console.log(JSON.stringify({ total: placed.total_amount, paid_at: paid.paid_at, told: told.status }));
process.exit(0);
