// What the function contract's codec costs the router per command, in microseconds: `npm run build && node bench/function-contract.mjs`.
import { Results } from "../dist/src/protocol/function/answer-decoder.js";
import { decoderFor, encodeInvocation } from "../dist/src/protocol/function/http-binding.js";
import { answerText, endLine, entityLine } from "../dist/src/protocol/function/server-json.js";
import { answerMessage } from "../dist/src/protocol/function/server-protobuf.js";

const bytes = (text) => new TextEncoder().encode(text);
const state = { count: 41, padding: "x".repeat(175) };

function requestOf(entities) {
  const entity = (_, n) => ({
    n,
    type: "demo/counter",
    id: `counter-${n}`,
    version: 41 + n,
    stateVersion: 1,
    state: bytes(JSON.stringify(state)),
    events: [],
    commands: [commandOf(n)],
  });
  return { invocation: "7f3c.42.1", deadlineMs: 25_000, entities: Array.from({ length: entities }, entity) };
}

function commandOf(n) {
  const metadata = [["principal", "somebody"]];
  const command = { n: 0, id: `01HZZZZZZZZZZZZZZZZZZZ${n}`, name: "add", isQuery: false, input: bytes(`{"by":1}`) };
  return { ...command, nowMs: 1_763_625_600_000 + n, attempt: 1, caller: null, metadata, answer: null };
}

function measure(runs, run) {
  for (let index = 0; index < runs; index++) run();
  const started = process.hrtime.bigint();
  for (let index = 0; index < runs; index++) run();
  return Number(process.hrtime.bigint() - started) / 1000 / runs;
}

const rows = [];
for (const entities of [1, 32]) {
  const request = requestOf(entities);
  const results = request.entities.map(({ n }) => ({ n, state, outcomes: [{ n: 0, reply: 42 }] }));
  const answers = {
    "application/json": bytes(answerText(request.invocation, results)),
    "application/x-ndjson": bytes(results.map(entityLine).join("") + endLine(entities)),
    "application/x-protobuf": answerMessage(request.invocation, results),
  };
  const runs = Math.ceil(200_000 / entities);
  const row = (what, run) => rows.push({ what, entities, "us per command": Number((measure(runs, run) / entities).toFixed(2)) });
  row("encode json", () => encodeInvocation("json", request));
  row("encode protobuf", () => encodeInvocation("protobuf", request));
  for (const [contentType, answer] of Object.entries(answers)) {
    row(`decode ${contentType}`, () => {
      const decoder = decoderFor(contentType, new Results(request, () => undefined), 16 << 20);
      const end = decoder.push(answer) ?? decoder.finish(null);
      if (end.kind !== "complete") throw new Error(JSON.stringify(end));
    });
  }
}
console.table(rows);
