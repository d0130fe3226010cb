// The yardstick: the path of a command without any feature. HTTP in, one batched HTTP call to the function server for all
// that queued meanwhile, one append and fdatasync for all results that queued meanwhile, reply behind the sync.
// State lives in a Map and is never read back; there is no recovery, no idempotency, no limit, no check.
// argv: the function server's URL, the log file. Prints `ready {"port":N}`.
import { Agent, createServer, request } from "node:http";
import { Worker } from "node:worker_threads";

const [functionUrl, logFile] = process.argv.slice(2);
const IN_FLIGHT_MAX = 2;
const BATCH_COMMANDS_MAX = 512;

const entityById = new Map();
let ready = [];
let inFlight = 0;
let invocations = 0;
let isDispatchPlanned = false;

function accept(id, name, input, response) {
  let entity = entityById.get(id);
  if (entity === undefined) {
    entity = { id, idText: JSON.stringify(id), state: "null", version: 0, waiting: [], isRunning: false };
    entityById.set(id, entity);
  }
  entity.waiting.push({ name, input, response });
  if (entity.isRunning || entity.waiting.length > 1) return;
  ready.push(entity);
  planDispatch();
}

/** At the end of the turn, so that everything one turn brought in goes out together. */
function planDispatch() {
  if (isDispatchPlanned) return;
  isDispatchPlanned = true;
  setImmediate(dispatch);
}

function dispatch() {
  isDispatchPlanned = false;
  while (ready.length > 0 && inFlight < IN_FLIGHT_MAX) {
    const batch = [];
    let commands = 0;
    while (ready.length > batch.length && commands < BATCH_COMMANDS_MAX) {
      const entity = ready[batch.length];
      const taken = entity.waiting;
      entity.waiting = [];
      entity.isRunning = true;
      commands += taken.length;
      batch.push({ entity, commands: taken });
    }
    ready = ready.slice(batch.length);
    inFlight++;
    invoke(batch);
  }
}

const functionAgent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT_MAX, noDelay: true });
const functionOptions = { ...urlParts(functionUrl), method: "POST", path: "/", agent: functionAgent };

function urlParts(url) {
  const { hostname, port } = new URL(url);
  return { hostname, port };
}

function encodeInvocation(batch) {
  let body = `{"holdfast":"1","kind":"invoke","invocation":"${++invocations}","deadlineMs":30000,"entities":[`;
  for (let n = 0; n < batch.length; n++) {
    const { entity, commands } = batch[n];
    body += `${n > 0 ? "," : ""}{"n":${n},"type":"bench/counter","id":${entity.idText},"version":${entity.version},"state":${entity.state},"commands":[`;
    for (let at = 0; at < commands.length; at++) {
      body += `${at > 0 ? "," : ""}{"n":${at},"name":"${commands[at].name}","input":${commands[at].input}}`;
    }
    body += "]}";
  }
  return `${body}]}`;
}

function invoke(batch) {
  const body = Buffer.from(encodeInvocation(batch));
  const headers = { "content-type": "application/json", "content-length": body.length };
  const call = request({ ...functionOptions, headers }, (response) => {
    const chunks = [];
    response.on("data", (chunk) => chunks.push(chunk));
    response.on("end", () => {
      inFlight--;
      settle(batch, JSON.parse(Buffer.concat(chunks).toString()).entities);
      if (ready.length > 0) planDispatch();
    });
  });
  call.on("error", (problem) => {
    throw problem;
  });
  call.end(body);
}

/** Runs ahead: the state counts at once, only the replies wait for the disk. */
function settle(batch, results) {
  for (const result of results) {
    const { entity, commands } = batch[result.n];
    entity.state = JSON.stringify(result.state);
    entity.version += commands.length;
    entity.isRunning = false;
    group.text += `{"id":${entity.idText},"version":${entity.version},"state":${entity.state}}\n`;
    for (const outcome of result.outcomes) {
      group.replies.push({ response: commands[outcome.n].response, body: JSON.stringify(outcome.reply) });
    }
    if (entity.waiting.length > 0) ready.push(entity);
  }
  if (!isSyncing) sync();
}

const logWorker = new Worker(new URL("./log-worker.mjs", import.meta.url), { workerData: { logFile } });
let group = { text: "", replies: [] };
let isSyncing = false;

function sync() {
  isSyncing = true;
  const closed = group;
  group = { text: "", replies: [] };
  logWorker.postMessage(closed.text);
  logWorker.once("message", () => {
    isSyncing = false;
    if (group.text !== "") sync();
    for (const { response, body } of closed.replies) {
      response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
      response.end(body);
    }
  });
}

const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
  const path = incoming.url.split("/");
  let body = "";
  incoming.setEncoding("utf8");
  incoming.on("data", (chunk) => {
    body += chunk;
  });
  incoming.on("end", () => accept(decodeURIComponent(path[3]), path[4], body, response));
});
server.listen(0, "127.0.0.1", () => console.log(`ready ${JSON.stringify({ port: server.address().port })}`));
process.on("SIGTERM", () => process.exit(0));
