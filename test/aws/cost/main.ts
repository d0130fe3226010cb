/**
 * `npm run bench:cost`: what commands cost on AWS, counted from the wire: write and read units, S3 requests and invocations
 * per 1,000 commands, and dollars per million, by clients, workload and preference; then the S3 requests that it takes to
 * write down many entities and to open them again.
 *
 *   --quick         a tenth of the commands
 *   --clients N     only so many, may be repeated
 *   --entities N    to write and to open again (default 1000000; with --quick 20000; 0: none)
 */
import { parseArgs } from "node:util";
import { REQUEST_KINDS, type RequestKind } from "../../../src/ports/request-meter.js";
import { type Charges, CostWorld } from "./cost-world.js";
import { PRICES } from "./prices.js";

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    clients: { type: "string", multiple: true, default: ["1", "16", "64", "256"] },
    entities: { type: "string" },
  },
});
const CLIENTS = options.clients.map(Number);
const ENTITIES = Number(options.entities ?? (options.quick ? 20_000 : 1_000_000));
/** Enough for large records, so that writing the entities takes minutes and not hours. */
const WRITERS = 256;
const WORKLOADS = [
  { type: "cost/event", name: "200-byte effects" },
  { type: "cost/state", name: "2 KB states" },
] as const;
/** So many entities have their turn for each client, one after the other. */
const ENTITIES_PER_CLIENT = 20;

interface Line {
  readonly prefer: string;
  readonly workload: string;
  readonly clients: number;
  readonly commands: number;
  readonly spent: Readonly<Record<RequestKind, number>>;
  readonly p50Ms: number;
}

const lines: Line[] = [];
for (const prefer of ["latency", "cost"] as const) {
  const world = await CostWorld.open({ prefer });
  try {
    for (const { type, name } of WORKLOADS) {
      for (const clients of CLIENTS) {
        const commands = commandsOf(clients);
        await run(world, type, clients, Math.max(clients, commands / 10)); // until batches are as large as they get
        const before = world.charges();
        const p50Ms = await run(world, type, clients, commands);
        lines.push({ prefer, workload: name, clients, commands, p50Ms, spent: difference(world.charges(), before) });
      }
    }
  } finally {
    await world.close();
  }
}
for (const line of report(lines)) console.log(line);
if (ENTITIES > 0) console.log(await manyEntities());

async function manyEntities(): Promise<string> {
  const world = await CostWorld.open({ prefer: "cost" });
  try {
    let next = 0;
    const writer = async (): Promise<void> => {
      for (let id = next++; id < ENTITIES; id = next++) await world.command("cost/event", `many-${id}`, 0);
    };
    await Promise.all(Array.from({ length: WRITERS }, writer));
    await world.stop();
    const written = world.charges();
    await world.start();
    const opened = difference(world.charges(), written);
    const { s3_put: puts, s3_get: gets, s3_delete: deletes } = written;
    return `
${ENTITIES} entities of one 200-byte event: ${puts.requests} PUT, ${gets.requests} GET, ${deletes.requests} DELETE until all were flushed (compaction included); ${opened.s3_get} GET and ${opened.dynamodb_read} read units to open them again.`;
  } finally {
    await world.close();
  }
}

function commandsOf(clients: number): number {
  return Math.min(20_000, Math.max(400, clients * 125)) / (options.quick ? 10 : 1);
}

/** The median of the time a command took. */
async function run(world: CostWorld, type: string, clients: number, commands: number): Promise<number> {
  let left = commands;
  const times: number[] = [];
  const client = async (index: number): Promise<void> => {
    for (let round = 0; left > 0; round++) {
      left--;
      const startedMs = performance.now();
      const status = await world.command(type, `${index}-${round % ENTITIES_PER_CLIENT}`, round);
      if (status !== 200) throw new Error(`a command was answered with ${status}`);
      times.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, index) => client(index)));
  return times.sort((left, right) => left - right)[times.length >> 1] ?? 0;
}

/** Of units for DynamoDB, of requests for the others. */
function difference(after: Charges, before: Charges): Record<RequestKind, number> {
  const spent = (kind: RequestKind) => {
    const by = kind.startsWith("dynamodb") ? "units" : "requests";
    return after[kind][by] - before[kind][by];
  };
  return Object.fromEntries(REQUEST_KINDS.map((kind) => [kind, spent(kind)])) as Record<RequestKind, number>;
}

/** Lambda's time is left out: the function's work is the same whoever calls it. */
function dollars(spent: Line["spent"]): number {
  return (
    (spent.dynamodb_write * PRICES.perMillionWriteUnits +
      spent.dynamodb_read * PRICES.perMillionReadUnits +
      (spent.s3_put + spent.s3_list) * PRICES.perMillionS3Puts +
      spent.s3_get * PRICES.perMillionS3Gets +
      spent.lambda_invoke * PRICES.perMillionInvocations) /
    1e6
  );
}

function report(measured: readonly Line[]): readonly string[] {
  const head = [
    `Per 1,000 commands; dollars per million commands (${PRICES.region}, ${PRICES.asOf}; without Lambda's time, storage, transfer)`,
    "",
    "| prefer | workload | clients | write units | read units | S3 requests | invocations | dollars per million | median |",
    "| --- | --- | --: | --: | --: | --: | --: | --: | --: |",
  ];
  const rows = measured.map(({ prefer, workload, clients, commands, spent, p50Ms }) => {
    const per = (units: number) => ((units * 1_000) / commands).toFixed(units * 1_000 < 10 * commands ? 1 : 0);
    const s3 = spent.s3_put + spent.s3_get + spent.s3_list + spent.s3_delete;
    const cells = [per(spent.dynamodb_write), per(spent.dynamodb_read), per(s3), per(spent.lambda_invoke)];
    const cost = ((dollars(spent) * 1e6) / commands).toFixed(3);
    return `| ${[prefer, workload, clients, ...cells, cost, `${p50Ms.toFixed(0)} ms`].join(" | ")} |`;
  });
  return [...head, ...rows];
}
