import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { command, entity, query, unchecked } from "../sdk/index.js";
import { connect, type HoldfastClient, HoldfastError, RefusedError } from "./index.js";

const Counter = entity("demo/counter", {
  events: { added: unchecked<{ by: number }>() },
  commands: { add: command({ input: unchecked<{ by: number }>(), reply: unchecked<number>() }), reset: command() },
  queries: { total: query({ input: unchecked<string | undefined>(), reply: unchecked<number>() }) },
});

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}
type Answering = (response: ServerResponse, seen: Seen) => void;

const problem = (
  status: number,
  code: string,
  retryable: boolean,
  headers: Record<string, string> = {},
  more = {},
): Answering => {
  return (response) => {
    response.writeHead(status, { "content-type": "application/problem+json", "holdfast-error-source": "router", ...headers });
    response.end(JSON.stringify({ type: `/$errors/${code}`, status, code, retryable, detail: `about ${code}`, ...more }));
  };
};
const reply =
  (value: unknown): Answering =>
  (response) => {
    response.writeHead(200, { "content-type": "application/json", "holdfast-command-id": "c-1" }).end(JSON.stringify(value));
  };
const drop: Answering = (response) => void response.socket?.destroy();
const never: Answering = () => undefined;

describe("the client", () => {
  let server: Server;
  let client: HoldfastClient;
  let seen: Seen[] = [];
  let answers: Answering[] = [];

  before(async () => {
    server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      const one = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
      seen.push(one);
      const answering = answers.shift() ?? problem(500, "unexpected", false);
      answering(response, one);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { headers: { authorization: "Bearer k" } });
  });
  beforeEach(() => {
    seen = [];
    answers = [];
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it("calls a command: path, body, key and headers, and the reply", async () => {
    answers = [reply(5)];
    const total: number = await client.call(Counter("a/b c").add({ by: 5 }), {
      idempotencyKey: "k-1",
      headers: { "x-tenant": "t" },
    });
    assert.equal(total, 5);
    const [request] = seen;
    assert.equal(`${request?.method} ${request?.url} ${request?.body}`, `POST /demo/counter/a%2Fb%20c/add {"by":5}`);
    const { authorization, "idempotency-key": key, "x-tenant": tenant, "content-type": type } = request?.headers ?? {};
    assert.deepEqual([authorization, key, tenant, type], ["Bearer k", "k-1", "t", "application/json"]);
  });

  it("answers undefined where there is no reply, and sends no body where there is no input", async () => {
    answers = [(response) => response.writeHead(204).end()];
    assert.equal(await client.call(Counter("a").reset()), undefined);
    assert.deepEqual([seen[0]?.body, seen[0]?.headers["content-type"]], ["", undefined]);
  });

  it("sends again with the same key of its own when an answer was lost, or a 503, 429 or 504 says so", async () => {
    answers = [
      drop,
      problem(503, "starting", true),
      problem(429, "mailbox_full", true),
      problem(504, "outcome_unknown", true),
      reply(1),
    ];
    assert.equal(await client.call(Counter("a").add({ by: 1 })), 1);
    const keys = seen.map((request) => request.headers["idempotency-key"]);
    assert.equal(keys.length, 5);
    assert.match(keys[0] as string, /^[0-9a-f]{32}$/);
    assert.equal(new Set(keys).size, 1);
  });

  it("does not send a command without a key again when it may have taken effect", async () => {
    for (const lost of [drop, problem(504, "outcome_unknown", true)]) {
      seen = [];
      answers = [lost];
      await assert.rejects(client.call(Counter("a").add({ by: 1 }), { idempotencyKey: null }), { retryable: true });
      assert.equal(seen.length, 1);
    }
    answers = [problem(503, "starting", true), reply(2)];
    assert.equal(await client.call(Counter("a").add({ by: 1 }), { idempotencyKey: null }), 2);
  });

  it("waits as long as Retry-After says", async () => {
    answers = [problem(503, "starting", true, { "retry-after": "1" }), reply(1)];
    const startedMs = performance.now();
    await client.call(Counter("a").add({ by: 1 }));
    assert.ok(performance.now() - startedMs >= 1_000);
  });

  it("throws a typed error for refusals, with the function's code and details", async () => {
    answers = [
      problem(
        409,
        "sold_out",
        false,
        { "holdfast-error-source": "function", "holdfast-command-id": "c-9" },
        { details: { left: 0 } },
      ),
    ];
    const error = await client.call(Counter("a").add({ by: 1 })).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof RefusedError && error instanceof HoldfastError);
    assert.deepEqual([error.code, error.details, error.source, error.commandId], ["sold_out", { left: 0 }, "function", "c-9"]);
    answers = [
      problem(422, "invalid_input", false, { "holdfast-error-source": "function" }, { errors: [{ path: "by", message: "no" }] }),
    ];
    const invalid = await client.call(Counter("a").add({ by: 1 })).catch((thrown: unknown) => thrown);
    assert.ok(invalid instanceof RefusedError);
    assert.deepEqual(invalid.details, [{ path: "by", message: "no" }]);
  });

  it("throws what the router says, once, where a retry cannot help", async () => {
    answers = [problem(404, "unknown_command", false, {}, { exists: { commands: ["add"] } })];
    const error = await client.call(Counter("a").add({ by: 1 }), { idempotencyKey: "k" }).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof HoldfastError && !(error instanceof RefusedError));
    assert.deepEqual(
      [error.code, error.status, error.retryable, error.source, error.idempotencyKey],
      ["unknown_command", 404, false, "router", "k"],
    );
    assert.deepEqual((error.details as { exists: unknown }).exists, { commands: ["add"] });
    assert.equal(seen.length, 1);
  });

  it("gives up after the timeout or when the caller does, and says which", async () => {
    answers = [never, never];
    await assert.rejects(client.call(Counter("a").add({ by: 1 }), { timeout: "50ms" }), { code: "timeout", retryable: true });
    const abort = new AbortController();
    const call = client.call(Counter("a").add({ by: 1 }), { signal: abort.signal });
    setTimeout(() => abort.abort(), 20);
    await assert.rejects(call, { code: "aborted", retryable: false });
  });

  it("says so when the address is no router's", async () => {
    answers = [(response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>")];
    await assert.rejects(client.call(Counter("a").reset()), { code: "bad_answer" });
    assert.throws(() => connect("ftp://x"), /no address of a router/);
  });

  it("sends, with a delay, and asks for the outcome", async () => {
    answers = [
      (response) => response.writeHead(202).end(`{"commandId":"c-7"}`),
      (response) => response.writeHead(202).end(`{"commandId":"c-7","status":"scheduled"}`),
      reply(3),
      problem(409, "sold_out", false, { "holdfast-error-source": "function" }),
      problem(502, "function_faulted", false, { "holdfast-command-id": "c-7", "holdfast-error-source": "function" }),
      problem(404, "command_not_found", false),
    ];
    const { commandId } = await client.send(Counter("a").add({ by: 1 }), { delay: "5m" });
    assert.equal(seen[0]?.url, "/demo/counter/a/add?mode=send&delay=300000ms");
    const ask = () => client.outcome(Counter("a"), commandId, { wait: "1s" });
    assert.deepEqual(await ask(), { kind: "pending", status: "scheduled" });
    assert.equal(seen[1]?.url, "/demo/counter/a/$commands/c-7?wait=1000ms");
    assert.deepEqual(await ask(), { kind: "replied", reply: 3 });
    assert.deepEqual(await ask(), { kind: "refused", code: "sold_out", message: "about sold_out", details: undefined });
    assert.deepEqual(await ask(), { kind: "failed", code: "function_faulted", message: "about function_faulted" });
    await assert.rejects(ask(), { code: "command_not_found" });
  });

  it("queries by GET, and by POST where the input is long", async () => {
    answers = [reply(1), reply(2), reply(3)];
    await client.query(Counter("a").total());
    await client.query(Counter("a").total("x&y"));
    await client.query(Counter("a").total("x".repeat(3_000)));
    assert.deepEqual(
      seen.slice(0, 2).map((request) => request.url),
      ["/demo/counter/a/total", "/demo/counter/a/total?input=%22x%26y%22"],
    );
    assert.deepEqual([seen[2]?.method, seen[2]?.url, seen[2]?.body.length], ["POST", "/demo/counter/a/total", 3_002]);
  });

  it("reads the state and pages through history", async () => {
    const event = (version: number) => ({
      entityVersion: version,
      at: "2026-11-20T08:00:00.000Z",
      name: "added",
      version: 1,
      data: { by: version },
    });
    answers = [
      reply({ version: 3, state: { count: 1 } }),
      reply({ events: [event(2)], next: 2 }),
      reply({ events: [event(3)], next: null }),
    ];
    assert.deepEqual(await client.state(Counter("a")), { version: 3, state: { count: 1 } });
    const events = [];
    for await (const { name, data, version, at } of client.events(Counter("a"), { after: 1 }))
      events.push([name, data.by, version, at.getTime()]);
    const atMs = Date.parse("2026-11-20T08:00:00.000Z");
    assert.deepEqual(events, [
      ["added", 2, 2, atMs],
      ["added", 3, 3, atMs],
    ]);
    assert.deepEqual(
      seen.slice(1).map((request) => request.url),
      ["/demo/counter/a/$events?after=1&limit=1000", "/demo/counter/a/$events?after=2&limit=1000"],
    );
  });

  it("follows a feed across breaks without missing or doubling an event, until the entity is purged", async () => {
    const line = (version: number) =>
      `id: ${version}\ndata: {"entityVersion":${version},"at":"2026-11-20T08:00:00.000Z","name":"added","version":1,"data":{"by":1}}\n\n`;
    const stream =
      (text: string, isBroken: boolean): Answering =>
      (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(text, () => (isBroken ? response.socket?.destroy() : response.end()));
      };
    answers = [
      stream(`:\n\n${line(1)}${line(2)}id: 3\ndata: {"entity`, true),
      problem(503, "starting", true),
      stream(`${line(3)}event: holdfast-end\ndata: {"reason":"stopping"}\n\n`, false),
      stream(`${line(4)}event: holdfast-end\ndata: {"reason":"purged"}\n\n`, false),
    ];
    const versions: number[] = [];
    for await (const event of client.events(Counter("a"), { follow: true })) versions.push(event.version);
    assert.deepEqual(versions, [1, 2, 3, 4]);
    assert.deepEqual(
      seen.map((request) => request.headers["last-event-id"]),
      ["0", "2", "2", "3"],
    );
  });

  it("ends a silent feed by its signal, also when garbage was collected meanwhile", async () => {
    const opened = new Promise<void>((resolve) => {
      answers = [
        (response) => {
          response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
          resolve();
        },
      ];
    });
    const leaving = new AbortController();
    const reading = client.events(Counter("a"), { follow: true, signal: leaving.signal })[Symbol.asyncIterator]().next();
    await opened;
    await collectGarbage();
    leaving.abort();
    assert.equal((await reading).done, true);
  });

  it("ends a feed when its reader leaves, and refuses to follow what is not shown", async () => {
    let isClosed = false;
    answers = [
      (response) => {
        response.on("close", () => {
          isClosed = true;
        });
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(
          `id: 1\ndata: {"entityVersion":1,"at":"2026-11-20T08:00:00.000Z","name":"added","version":1,"data":{}}\n\n`,
        );
      },
      problem(403, "not_exposed", false),
    ];
    for await (const event of client.events(Counter("a"), { follow: true })) {
      assert.equal(event.version, 1);
      break;
    }
    while (!isClosed) await new Promise((resolve) => setTimeout(resolve, 2));
    await assert.rejects(
      async () => {
        for await (const _ of client.events(Counter("a"), { follow: true })) assert.fail("nothing is shown");
      },
      { code: "not_exposed" },
    );
  });
});

/** A few times, with turns of the event loop between: what is held weakly alone is gone then. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 5; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
