/**
 * An HTTP proxy in front of AWS endpoints: sees each request whole, and does with it what its plan says.
 *
 * Requests go on as they came, the signed Host header included, so an endpoint that checks signatures takes them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type AwsOperation, type AwsService, awsOperation } from "./aws-request.js";

export interface ProxiedRequest extends AwsOperation {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export interface ProxiedReply {
  readonly status: number;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

/** What happens to one request. Each of them is something that networks and services do. */
export type Treatment =
  | { readonly kind: "pass"; readonly delayMs: number }
  /** Never arrives; the client's connection is cut. */
  | { readonly kind: "drop" }
  /** Never arrives; the client hears nothing until it gives up. */
  | { readonly kind: "swallow" }
  /** The client's connection is cut at once; the request arrives all the same, some time later. */
  | { readonly kind: "landLater"; readonly afterMs: number }
  /** Takes effect; the answer is lost. */
  | { readonly kind: "loseReply" }
  /** Arrives twice; the client gets the first answer. */
  | { readonly kind: "duplicate"; readonly afterMs: number }
  /** Is answered by the proxy, before or after it has taken effect. */
  | { readonly kind: "answer"; readonly reply: ProxiedReply; readonly isAfterEffect: boolean };

export const PASS: Treatment = { kind: "pass", delayMs: 0 };

export interface AwsProxyOptions {
  readonly upstream: Readonly<Record<AwsService, string>>;
  readonly plan: (request: ProxiedRequest) => Treatment;
  /** Told each request that was sent on, with its answer. */
  readonly observe?: (request: ProxiedRequest, reply: ProxiedReply) => void;
}

export class AwsProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Actions of requests that came in and have not been treated to their end. */
  readonly #open = new Set<AwsOperation>();
  readonly #upstream: AwsProxyOptions["upstream"];
  readonly #observe: (request: ProxiedRequest, reply: ProxiedReply) => void;
  /** May be replaced while the proxy runs. */
  plan: (request: ProxiedRequest) => Treatment;

  private constructor(server: Server, { upstream, plan, observe }: AwsProxyOptions) {
    this.#server = server;
    this.#upstream = upstream;
    this.#observe = observe ?? (() => undefined);
    this.plan = plan;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (incoming: IncomingMessage, response: ServerResponse) => {
      this.#take(incoming, response).catch(() => response.destroy());
    });
  }

  static async open(options: AwsProxyOptions): Promise<AwsProxy> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new AwsProxy(server, options);
  }

  /** For whoever asks what a router waits for. */
  get openActions(): readonly string[] {
    return [...this.#open].map(({ action }) => action);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
    this.#agent.destroy();
  }

  async #take(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    const { method = "GET", url = "/", headers, rawHeaders } = incoming;
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const asked = { ...awsOperation(method, url, headers), method, url, rawHeaders, body: Buffer.concat(chunks) };
    this.#open.add(asked);
    try {
      await this.#treat(asked, response);
    } finally {
      this.#open.delete(asked);
    }
  }

  async #treat(asked: ProxiedRequest, response: ServerResponse): Promise<void> {
    const treatment = this.plan(asked);
    switch (treatment.kind) {
      case "pass":
        if (treatment.delayMs > 0) await this.#wait(treatment.delayMs);
        return this.#reply(response, await this.#forward(asked));
      case "drop":
        response.destroy();
        return;
      case "swallow":
        if (!response.destroyed) await once(response, "close");
        return;
      case "landLater":
        response.destroy();
        await this.#wait(treatment.afterMs);
        await this.#forward(asked);
        return;
      case "loseReply":
        await this.#forward(asked);
        response.destroy();
        return;
      case "duplicate":
        this.#reply(response, await this.#forward(asked));
        await this.#wait(treatment.afterMs);
        await this.#forward(asked);
        return;
      case "answer":
        if (treatment.isAfterEffect) await this.#forward(asked);
        return this.#reply(response, treatment.reply);
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, ms);
      this.#timers.add(timer);
    });
  }

  async #forward(asked: ProxiedRequest): Promise<ProxiedReply> {
    const { hostname, port } = new URL(this.#upstream[asked.service]);
    assert.ok(hostname !== "", `no endpoint for ${asked.service}`);
    const reply = await new Promise<ProxiedReply>((resolve, reject) => {
      const { method, url: path, rawHeaders, body } = asked;
      const sent = request({ hostname, port, method, path, headers: [...rawHeaders], agent: this.#agent }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          resolve({ status: answer.statusCode ?? 502, rawHeaders: answer.rawHeaders, body: Buffer.concat(chunks) });
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
    this.#observe(asked, reply);
    return reply;
  }

  #reply(response: ServerResponse, { status, rawHeaders, body }: ProxiedReply): void {
    if (response.destroyed) return;
    response.writeHead(status, withoutFraming(rawHeaders));
    response.end(body);
  }
}

/** The body goes out in one piece: how it came in is of the other connection. A HEAD's length is its answer, so it stays. */
function withoutFraming(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    if (!/^(transfer-encoding|connection|keep-alive)$/i.test(name)) kept.push(name, rawHeaders[index + 1] ?? "");
  }
  return kept;
}
