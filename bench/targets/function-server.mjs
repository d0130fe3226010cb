// The counter as a plain HTTP function that speaks Holdfast's contract, without an SDK. The prototype and Holdfast call
// this same file. Prints `ready {"port":N}`.
//   add  {by, ms?}   adds, after `ms` milliseconds where asked for, and replies the count
//   fill {bytes}     makes the state about that long, and replies the count
import { createServer } from "node:http";

const command = (name) => ({ name, exposure: "public", input: null, reply: null });

const MANIFEST = JSON.stringify({
  holdfast: "1",
  contracts: ["1"],
  encodings: ["json"],
  types: [
    {
      type: "bench/counter",
      kind: "value",
      stateVersion: 1,
      commands: [command("add"), command("fill")],
      queries: [],
      replies: [],
      events: [],
      wishes: { expose: ["state"] },
    },
  ],
});

function run(state, command) {
  if (command.name === "add") state.count += command.input.by;
  else if (command.name === "fill") state.pad = "x".repeat(command.input.bytes);
  return { n: command.n, reply: state.count, effects: [] };
}

function runEntity(entity) {
  const state = entity.state ?? { count: 0 };
  const outcomes = [];
  for (const command of entity.commands) outcomes.push(run(state, command));
  return { n: entity.n, state, outcomes };
}

function delayMs(entity) {
  let longest = 0;
  for (const command of entity.commands) if (command.input.ms > longest) longest = command.input.ms;
  return longest;
}

function answerWhole(response, invocation, entities) {
  const body = JSON.stringify({ holdfast: "1", invocation, entities: entities.map(runEntity) });
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

/** One entity per line as it finishes, the quick ones at once, then the end. */
function answerStreamed(response, entities) {
  response.writeHead(200, { "content-type": "application/x-ndjson" });
  let missing = entities.length;
  const finish = (entity) => {
    response.write(`${JSON.stringify(runEntity(entity))}\n`);
    if (--missing === 0) response.end(`{"end":${entities.length}}\n`);
  };
  for (const entity of entities) {
    const ms = delayMs(entity);
    if (ms === 0) finish(entity);
    else setTimeout(finish, ms, entity);
  }
}

const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (incoming, response) => {
  const chunks = [];
  incoming.on("data", (chunk) => chunks.push(chunk));
  incoming.on("end", () => {
    const request = JSON.parse(Buffer.concat(chunks).toString());
    if (request.kind === "discover") {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(MANIFEST);
    } else if (request.entities.some((entity) => delayMs(entity) > 0)) answerStreamed(response, request.entities);
    else answerWhole(response, request.invocation, request.entities);
  });
});
server.listen(0, "127.0.0.1", () => console.log(`ready ${JSON.stringify({ port: server.address().port })}`));
process.on("SIGTERM", () => process.exit(0));
