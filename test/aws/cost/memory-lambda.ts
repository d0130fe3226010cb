/**
 * Lambda for measurements: one function in this process, in the plain contract, that answers at once; the proxy in front of
 * it takes the time. `cost/event` writes an event of 200 bytes for each command, `cost/state` a state of 2 KB.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { invokeComplete, payloadChunk } from "../lambda-server/event-stream.js";

export const COST_ARN = "arn:aws:lambda:us-east-1:123456789012:function:cost:1";

interface Asked {
  readonly kind: string;
  readonly invocation: string;
  readonly entities: readonly {
    readonly n: number;
    readonly type: string;
    readonly id: string;
    readonly version: number;
    readonly commands: readonly { readonly n: number; readonly now: string; readonly input: { readonly round: number } }[];
  }[];
}

const MANIFEST = JSON.stringify({
  holdfast: "1",
  contracts: ["1"],
  encodings: ["json"],
  types: [
    {
      type: "cost/event",
      kind: "event-sourced",
      stateVersion: 1,
      commands: [{ name: "add" }],
      events: [{ name: "item-added", version: 1 }],
    },
    { type: "cost/state", kind: "value", stateVersion: 1, commands: [{ name: "add" }], wishes: { expose: ["state"] } },
  ],
});

export class MemoryLambda {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const url = request.url ?? "";
        const headers = { "x-amz-executed-version": "1", "content-type": "application/json" };
        if (request.method === "GET")
          return void response.writeHead(200, headers).end('{"FunctionName":"cost","Timeout":30,"Version":"1"}');
        const answer = Buffer.from(answerTo(JSON.parse(Buffer.concat(chunks).toString()) as Asked));
        if (!url.includes("response-streaming")) return void response.writeHead(200, headers).end(answer);
        response.writeHead(200, { ...headers, "content-type": "application/vnd.amazon.eventstream" });
        response.end(Buffer.concat([payloadChunk(answer), invokeComplete("", "")]));
      });
    });
  }

  static async open(): Promise<MemoryLambda> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new MemoryLambda(server);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

function answerTo({ kind, invocation, entities }: Asked): string {
  if (kind === "discover") return MANIFEST;
  const answered = entities.map(({ n, type, id, version, commands }) => {
    if (type === "cost/state") {
      const outcomes = commands.map((command) => ({ n: command.n, reply: version }));
      return { n, state: cart(id, commands.at(-1)?.now ?? "", version), outcomes };
    }
    const outcomes = commands.map((command) => {
      const event = { name: "item-added", data: item(`${id}-${command.input.round}`, command.now) };
      return { n: command.n, reply: version, events: [event] };
    });
    return { n, state: { items: version + commands.length }, outcomes };
  });
  return JSON.stringify({ holdfast: "1", invocation, entities: answered });
}

/** 200 bytes as JSON, a third of it random: what deflating can save is that of real data. */
function item(seed: string, at: string): object {
  const random = createHash("sha256").update(seed).digest("hex");
  return {
    sku: `sku-${random.slice(0, 16)}`,
    title: TITLES[Number.parseInt(random.slice(16, 18), 16) % TITLES.length],
    quantity: 1 + (Number.parseInt(random.slice(18, 20), 16) % 9),
    priceCents: Number.parseInt(random.slice(20, 24), 16),
    currency: "EUR",
    reservation: random.slice(24, 48),
    at,
  };
}

function cart(id: string, at: string, version: number): object {
  const items = Array.from({ length: 10 }, (_, index) => item(`${id}-${version - index}`, at));
  return { customer: `customer-${id}`, currency: "EUR", version, items };
}

const TITLES = ["Wool socks, grey, 39-42", "Desk lamp, brass, E27", "Notebook A5, dotted", "Espresso beans, 1 kg bag"];
