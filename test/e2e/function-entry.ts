/**
 * Functions in a process of their own, in plain Node: `node function-entry.js [port]`. Two endpoints: `/good` counts, and
 * passes counts on; `/odd` answers as badly as the command asks it to. Says `functions on URL`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Command {
  readonly n: number;
  readonly name: string;
  readonly input: { readonly by?: number; readonly ms?: number; readonly how?: string; readonly to?: string } | undefined;
}

interface Entity {
  readonly n: number;
  readonly type: string;
  readonly state: { readonly count: number } | null;
  readonly commands: readonly Command[];
}

interface Invocation {
  readonly kind: string;
  readonly invocation: string;
  readonly entities: readonly Entity[];
}

const type = (name: string, commands: readonly string[], queries: readonly string[] = []) => ({
  type: name,
  kind: "value",
  stateVersion: 1,
  commands: commands.map((command) => ({ name: command, exposure: command === "hidden" ? "internal" : "public" })),
  queries: queries.map((query) => ({ name: query })),
  wishes: { expose: ["state"] },
});
const manifest = (...types: readonly object[]) => JSON.stringify({ holdfast: "1", contracts: ["1"], encodings: ["json"], types });
const GOOD = manifest(type("e2e/counter", ["add", "slow", "hidden"], ["total"]), type("e2e/passer", ["pass"]));
const ODD = manifest(type("e2e/odd", ["answer"]), type("e2e/echo", ["put"]));

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => void serve(request, response, Buffer.concat(chunks).toString()));
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.argv[2] ?? 0), "127.0.0.1", () => {
  console.log(`functions on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

async function serve(request: IncomingMessage, response: ServerResponse, text: string): Promise<void> {
  const asked = JSON.parse(text) as Invocation;
  const isGood = request.url === "/good";
  if (asked.kind === "discover") return json(response, isGood ? GOOD : ODD);
  if (isGood) {
    const entities = await Promise.all(asked.entities.map(count));
    return json(response, JSON.stringify({ holdfast: "1", invocation: asked.invocation, entities }));
  }
  // The router sends this endpoint one command at a time.
  const entity = asked.entities[0] as Entity;
  const { how } = { how: "fine", ...entity.commands[0]?.input };
  if (entity.type === "e2e/echo") return json(response, echo(asked.invocation, text));
  answerOddly(how, asked.invocation, response);
}

async function count(entity: Entity): Promise<object> {
  let total = entity.state?.count ?? 0;
  const before = total;
  const outcomes: object[] = [];
  for (const { n, name, input } of entity.commands) {
    if (name === "slow") await new Promise((resolve) => setTimeout(resolve, input?.ms ?? 100));
    if (name !== "total") total += input?.by ?? 1;
    const send = { to: { type: "e2e/counter", id: input?.to ?? "nobody" }, command: "add", input: { by: input?.by ?? 1 } };
    outcomes.push({ n, reply: total, ...(name === "pass" && { effects: [{ send }] }) });
  }
  return { n: entity.n, outcomes, ...(total === before ? {} : { state: { count: total } }) };
}

/** The input's own characters: cut out of the request, never parsed. */
function echo(invocation: string, text: string): string {
  const input = text.slice(text.indexOf('"input":') + '"input":'.length, text.lastIndexOf(',"now":"'));
  return `{"holdfast":"1","invocation":"${invocation}","entities":[{"n":0,"state":${input},"outcomes":[{"n":0,"reply":${input}}]}]}`;
}

function answerOddly(how: string, invocation: string, response: ServerResponse): void {
  const result = (entity: object) => json(response, JSON.stringify({ holdfast: "1", invocation, entities: [entity] }));
  switch (how) {
    case "wrongEntity":
      return result({ n: 7, state: 1, outcomes: [{ n: 0, reply: 1 }] });
    case "tooManyOutcomes":
      return result({
        n: 0,
        state: 1,
        outcomes: [
          { n: 0, reply: 1 },
          { n: 1, reply: 2 },
        ],
      });
    case "unknownEffect":
      return result({ n: 0, state: 1, outcomes: [{ n: 0, reply: 1, effects: [{ teleport: { to: "mars" } }] }] });
    case "invalidJson":
      return json(response, `{"holdfast":"1","invocation":"${invocation}","entities":[{"n":0,`);
    case "redirect":
      return void response.writeHead(302, { location: "http://127.0.0.1:1/elsewhere" }).end();
    case "nothing":
      return void response.writeHead(200, { "content-type": "application/json" }).end();
    case "huge":
      return huge(response);
    case "never":
      return;
    case "hangUp":
      return void response.destroy();
    case "page":
      return void response.writeHead(200, { "content-type": "text/html" }).end("<h1>It works!</h1>");
    case "bigState":
      return result({ n: 0, state: "s".repeat(2_000_000), outcomes: [{ n: 0, reply: 1 }] });
    default:
      return result({ n: 0, state: how, outcomes: [{ n: 0, reply: how }] });
  }
}

/** 50 MB, as fast as they are taken. */
function huge(response: ServerResponse): void {
  const chunk = Buffer.alloc(1 << 20, 32);
  let left = 50;
  response.on("error", () => undefined);
  response.writeHead(200, { "content-type": "application/json" });
  const write = (): void => {
    while (left > 0) {
      left -= 1;
      if (!response.write(chunk)) return void response.once("drain", write);
    }
    response.end();
  };
  write();
}

function json(response: ServerResponse, text: string): void {
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}
