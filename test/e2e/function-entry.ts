/**
 * Functions in a process of their own, in plain Node: `node function-entry.js [port]`. Two endpoints: `/good` counts, and
 * passes counts on; `/odd` answers as badly as the command asks it to. Says `functions on URL`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Entity, handler, type Invocation, manifestType } from "./good-function.js";

const manifest = (...types: readonly object[]) => JSON.stringify({ holdfast: "1", contracts: ["1"], encodings: ["json"], types });
const ODD = manifest(manifestType("e2e/odd", ["answer"]), manifestType("e2e/echo", ["put"]));

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
  if (request.url === "/good") return json(response, JSON.stringify(await handler(asked)));
  if (asked.kind === "discover") return json(response, ODD);
  // The router sends this endpoint one command at a time.
  const entity = asked.entities[0] as Entity;
  const { how } = { how: "fine", ...entity.commands[0]?.input };
  if (entity.type === "e2e/echo") return json(response, echo(asked.invocation, text));
  answerOddly(how, asked.invocation, response);
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
