/** An ingress on a free port over a fake core, and a client that shows everything of a reply. */
import { connect } from "node:net";
import type { EntityType } from "../../../src/core/entity/entity-type.js";
import { HttpIngress, type IngressOptions } from "../../../src/router/ingress/http-ingress.js";
import { DEFAULT_LIMITS, type IngressLimits } from "../../../src/router/ingress/ingress-limits.js";
import { RequestBudget } from "../../../src/router/ingress/request-budget.js";
import { cartType, catalog, FakeCore } from "./fake-core.js";

export interface Running {
  readonly ingress: HttpIngress;
  readonly core: FakeCore;
  readonly url: string;
  readonly port: number;
  readonly budget: RequestBudget;
}

type Overrides = Partial<Omit<IngressOptions, "core" | "limits">> & {
  readonly limits?: Partial<IngressLimits>;
  readonly served?: readonly EntityType[];
};

const STOP_GRACE_MS = 1_000;

/** Runs `body` against a fresh ingress, and stops it whatever happens. */
export async function withIngress(overrides: Overrides, body: (running: Running) => Promise<void>): Promise<void> {
  const core = new FakeCore();
  const limits = { ...DEFAULT_LIMITS, ...overrides.limits };
  const budget = new RequestBudget(limits.bodyBytesTotalMax);
  const ingress = new HttpIngress({
    types: catalog(overrides.served ?? [cartType()]),
    authenticator: null,
    cors: null,
    keepHeaders: [],
    observer: null,
    budget,
    ...overrides,
    core,
    limits,
  });
  const { port } = await ingress.listen({ host: "127.0.0.1", port: 0 });
  try {
    await body({ ingress, core, port, budget, url: `http://127.0.0.1:${port}` });
  } finally {
    await ingress.stop(STOP_GRACE_MS);
  }
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Of a problem document. */
  readonly code: string | undefined;
  readonly json: Record<string, unknown>;
}

export async function ask(url: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") ?? false;
  const json = isJson ? JSON.parse(text) : {};
  return { status: response.status, headers: response.headers, text, code: json.code, json };
}

/** A POST with a JSON body. */
export function post(url: string, body?: string | Uint8Array, headers: Record<string, string> = {}): Promise<Reply> {
  if (body === undefined) return ask(url, { method: "POST", headers });
  return ask(url, { method: "POST", body: Buffer.from(body), headers: { "content-type": "application/json", ...headers } });
}

/** Writes raw bytes to the port, and gives all that comes back until the connection ends. */
export function raw(port: number, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(received));
    socket.write(bytes);
  });
}
