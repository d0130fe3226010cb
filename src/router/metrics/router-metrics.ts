/**
 * The metrics of a router, `holdfast_*`. What happens often is counted in plain fields, found without a label object;
 * gauges are read from the core when somebody asks for the metrics.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { Registry } from "prom-client";
import { MEMORY_ACCOUNTS } from "../../core/admission/memory-budget.js";
import type { CoreSnapshot } from "../../core/core-snapshot.js";
import type { InvocationRequest } from "../../core/entity/invocation.js";
import { REQUEST_KINDS, type RequestKind } from "../../ports/request-meter.js";
import type { OutcomeLabel } from "../ingress/answer-reply.js";
import type { IngressObserver } from "../ingress/http-ingress.js";
import { Buckets, BYTES_BOUNDS, COUNT_BOUNDS, TIME_BOUNDS } from "./buckets.js";
import { exposeCluster } from "./cluster-metrics.js";
import type { Cost } from "./cost-meter.js";
import { exposeCounter, exposeGauge, exposeHistogram, type Labels, type Sample } from "./exposition.js";

/** What the gauges are read from; null while nothing runs. */
export interface MetricsSources {
  core(): CoreSnapshot | null;
  openRequests(): number;
  heldBodyBytes(): number;
  costOf(kind: RequestKind): Cost;
  canaries(): readonly { readonly deployment: string; readonly weight: number }[];
}

const OUTCOMES: readonly OutcomeLabel[] = ["replied", "refused", "failed", "accepted", "problem", "left"];

class TypeMetrics {
  readonly byOutcome: Record<OutcomeLabel, number> = { replied: 0, refused: 0, failed: 0, accepted: 0, problem: 0, left: 0 };
  readonly seconds = new Buckets(TIME_BOUNDS);
}

interface StartedInvocation {
  readonly deployment: string;
  readonly startedMs: number;
}

/** How finely the event loop's delay is looked at. */
const LOOP_RESOLUTION_MS = 10;

export class RouterMetrics implements IngressObserver {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #loopDelay: IntervalHistogram = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  readonly #types = new Map<string, TypeMetrics>();
  readonly #requests = new Map<number, number>();
  readonly #queueSeconds = new Buckets(TIME_BOUNDS);
  readonly #invocationSeconds = new Map<string, Buckets>();
  readonly #invocationEnds = new Map<string, number>();
  readonly #invocationEntities = new Buckets(COUNT_BOUNDS);
  readonly #invocationCommands = new Buckets(COUNT_BOUNDS);
  readonly #invocationBytes = new Buckets(BYTES_BOUNDS);
  readonly #startedInvocations = new Map<number, StartedInvocation>();
  readonly #appendSeconds = new Buckets(TIME_BOUNDS);
  readonly #appendBytes = new Buckets(BYTES_BOUNDS);
  readonly #appendEnds = new Map<string, number>();
  readonly #storeSeconds = new Map<string, Buckets>();
  readonly #stepSeconds = new Buckets(TIME_BOUNDS);
  readonly #stepInputs = new Buckets(COUNT_BOUNDS);

  constructor(sources: MetricsSources) {
    this.contentType = this.#registry.contentType;
    this.#loopDelay.enable();
    this.#exposeRequests(sources);
    this.#exposeWork();
    this.#exposeCore(sources);
    this.#exposeDeployments(sources);
    this.#exposeCost(sources);
    exposeCluster(this.#registry, () => sources.core());
    this.#exposeProcess();
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The sum over a metric's labels; null: there is no such metric. */
  async valueOf(name: string): Promise<number | null> {
    const metric = this.#registry.getSingleMetric(name);
    if (metric === undefined) return null;
    const { values } = await metric.get();
    return values.reduce((sum, { value }) => sum + value, 0);
  }

  stop(): void {
    this.#loopDelay.disable();
  }

  answered(type: string, outcome: OutcomeLabel, tookMs: number): void {
    let metrics = this.#types.get(type);
    if (metrics === undefined) {
      metrics = new TypeMetrics();
      this.#types.set(type, metrics);
    }
    metrics.byOutcome[outcome]++;
    metrics.seconds.observe(tookMs / 1_000);
  }

  requestEnded(status: number): void {
    this.#requests.set(status, (this.#requests.get(status) ?? 0) + 1);
  }

  stepped(inputs: number, tookMs: number): void {
    this.#stepInputs.observe(inputs);
    this.#stepSeconds.observe(tookMs / 1_000);
  }

  invocationStarted(attempt: number, deployment: string, request: InvocationRequest, nowMs: number): void {
    let commands = 0;
    let bytes = 0;
    for (const entity of request.entities) {
      commands += entity.commands.length;
      bytes += entity.state?.length ?? 0;
      for (const command of entity.commands) {
        bytes += command.input.length;
        this.#queueSeconds.observe(Math.max(0, nowMs - command.nowMs) / 1_000);
      }
    }
    this.#invocationEntities.observe(request.entities.length);
    this.#invocationCommands.observe(commands);
    this.#invocationBytes.observe(bytes);
    this.#startedInvocations.set(attempt, { deployment, startedMs: nowMs });
  }

  invocationEnded(attempt: number, kind: string, nowMs: number): void {
    const started = this.#startedInvocations.get(attempt);
    if (started === undefined) return;
    this.#startedInvocations.delete(attempt);
    bucketsOf(this.#invocationSeconds, started.deployment).observe(Math.max(0, nowMs - started.startedMs) / 1_000);
    count(this.#invocationEnds, kind);
  }

  appended(bytes: number, tookMs: number, kind: string): void {
    this.#appendBytes.observe(bytes);
    this.#appendSeconds.observe(tookMs / 1_000);
    count(this.#appendEnds, kind);
  }

  stored(kind: string, tookMs: number): void {
    bucketsOf(this.#storeSeconds, kind).observe(tookMs / 1_000);
  }

  #exposeRequests(sources: MetricsSources): void {
    const registry = this.#registry;
    const commands = { name: "holdfast_commands_total", help: "Commands and queries answered", labels: ["type", "outcome"] };
    exposeCounter(registry, commands, () => this.#commandSamples());
    const seconds = { name: "holdfast_command_seconds", help: "From the arrival of a command to its answer" };
    exposeHistogram(registry, seconds, () => [...this.#types].map(([type, metrics]) => [{ type }, metrics.seconds] as const));
    const requests = { name: "holdfast_requests_total", help: "HTTP requests ended", labels: ["status"] };
    exposeCounter(registry, requests, () =>
      [...this.#requests].map(([status, total]): Sample => [{ status: String(status) }, total]),
    );
    gauge(registry, "holdfast_requests_open", "HTTP requests that wait for their answer", () => sources.openRequests());
    gauge(registry, "holdfast_request_body_bytes", "Request bodies held for them", () => sources.heldBodyBytes());
  }

  *#commandSamples(): Iterable<Sample> {
    for (const [type, { byOutcome }] of this.#types) {
      for (const outcome of OUTCOMES) if (byOutcome[outcome] > 0) yield [{ type, outcome }, byOutcome[outcome]];
    }
  }

  #exposeWork(): void {
    const registry = this.#registry;
    histogram(registry, "holdfast_queue_seconds", "From the acceptance of a command to its invocation", this.#queueSeconds);
    labelledHistogram(registry, "holdfast_invocation_seconds", "Time of one invocation", "deployment", this.#invocationSeconds);
    labelledCounter(registry, "holdfast_invocations_total", "Invocations ended, by how", "end", this.#invocationEnds);
    histogram(registry, "holdfast_invocation_entities", "Entities in one invocation", this.#invocationEntities);
    histogram(registry, "holdfast_invocation_commands", "Commands in one invocation", this.#invocationCommands);
    histogram(registry, "holdfast_invocation_bytes", "States and inputs in one invocation", this.#invocationBytes);
    histogram(registry, "holdfast_append_seconds", "Time of one append to the journal", this.#appendSeconds);
    histogram(registry, "holdfast_append_bytes", "Size of one record", this.#appendBytes);
    labelledCounter(registry, "holdfast_appends_total", "Appends ended, by how", "outcome", this.#appendEnds);
    labelledHistogram(
      registry,
      "holdfast_store_seconds",
      "Time of one operation on the snapshot store",
      "operation",
      this.#storeSeconds,
    );
    histogram(registry, "holdfast_step_seconds", "Time of one step of the core", this.#stepSeconds);
    histogram(registry, "holdfast_step_inputs", "Inputs that one step took together", this.#stepInputs);
  }

  #exposeCore({ core }: MetricsSources): void {
    const registry = this.#registry;
    const read = (of: (snapshot: CoreSnapshot) => number) => () => {
      const snapshot = core();
      return snapshot === null ? 0 : of(snapshot);
    };
    gauge(
      registry,
      "holdfast_append_depth",
      "Appends in flight",
      read(({ appendDepth }) => appendDepth),
    );
    gauge(
      registry,
      "holdfast_durable_lag_seconds",
      "Age of the oldest entry that is not durable",
      read(({ durableLagMs }) => durableLagMs / 1_000),
    );
    gauge(
      registry,
      "holdfast_uncommitted_bytes",
      "Entries that are not durable",
      read(({ uncommittedBytes }) => uncommittedBytes),
    );
    gauge(
      registry,
      "holdfast_tail_bytes",
      "The log's tail that a restart would read",
      read(({ tailBytes }) => tailBytes),
    );
    gauge(
      registry,
      "holdfast_tail_records",
      "Records in the log's tail",
      read(({ tailRecords }) => tailRecords),
    );
    gauge(
      registry,
      "holdfast_flushing",
      "Shards that are being flushed",
      read(({ flushing }) => flushing),
    );
    gauge(
      registry,
      "holdfast_gate_held",
      "Outputs that wait for what they saw to be durable",
      read(({ gateHeld }) => gateHeld),
    );
    gauge(
      registry,
      "holdfast_entities_resident",
      "Entities with something going on",
      read(({ slots }) => slots),
    );
    gauge(
      registry,
      "holdfast_shards_refused",
      "Shards that are not served",
      read(({ refusedShards }) => refusedShards.length),
    );
    gauge(
      registry,
      "holdfast_suspects",
      "Entities that run alone since they faulted",
      read(({ dispatch }) => dispatch.suspects),
    );
    gauge(
      registry,
      "holdfast_cache_evictions",
      "Generations of clean state dropped so far",
      read(({ cache }) => cache.evictions),
    );
    gauge(
      registry,
      "holdfast_outbox_messages",
      "Messages born and not yet acknowledged",
      read(({ outbox }) => outbox),
    );
    const deadLetters = { name: "holdfast_dead_letters_total", help: "Commands that became dead letters since the last start" };
    exposeCounter(registry, deadLetters, () => [[{}, core()?.deadLetters ?? 0]]);
    const memory = { name: "holdfast_memory_bytes", help: "Bytes held, by account", labels: ["account"] };
    exposeGauge(registry, memory, () =>
      MEMORY_ACCOUNTS.map((account): Sample => [{ account }, core()?.memory.bytesOf(account) ?? 0]),
    );
    const store = {
      name: "holdfast_store_total",
      help: "What the shard stores did: cache hits, misses, flushes, ...",
      labels: ["what"],
    };
    exposeCounter(registry, store, () => storeSamples(core()));
    const queued = { name: "holdfast_queued_entities", help: "Entities that wait for an invocation", labels: ["type"] };
    exposeGauge(registry, queued, () =>
      (core()?.dispatch.types ?? []).map(({ type, queued: waiting }): Sample => [{ type }, waiting]),
    );
    const inFlight = { name: "holdfast_invocations_in_flight", help: "Open invocations", labels: ["deployment"] };
    exposeGauge(registry, inFlight, () =>
      (core()?.dispatch.deployments ?? []).map((one): Sample => [{ deployment: one.deployment }, one.attempts]),
    );
  }

  #exposeDeployments({ core, canaries }: MetricsSources): void {
    const registry = this.#registry;
    const ran = {
      name: "holdfast_deployment_commands_total",
      help: "Commands by how they ended first, since the last start: done (refusals included), faulted",
      labels: ["deployment", "outcome"],
    };
    exposeCounter(registry, ran, () =>
      [...(core()?.commands ?? [])].flatMap(([deployment, counts]): Sample[] => [
        [{ deployment, outcome: "done" }, counts.ran - counts.faulted],
        [{ deployment, outcome: "faulted" }, counts.faulted],
      ]),
    );
    const unavailable = {
      name: "holdfast_deployment_unavailable_total",
      help: "Invocations that could not be, since the last start",
      labels: ["deployment"],
    };
    exposeCounter(registry, unavailable, () =>
      [...(core()?.commands ?? [])].map(([deployment, counts]): Sample => [{ deployment }, counts.unavailable]),
    );
    const weight = {
      name: "holdfast_canary_weight",
      help: "Share of the entities that a canary serves, 0 to 1",
      labels: ["deployment"],
    };
    exposeGauge(registry, weight, () => canaries().map((one): Sample => [{ deployment: one.deployment }, one.weight / 10_000]));
  }

  #exposeCost({ costOf }: MetricsSources): void {
    const read = (of: (cost: Cost) => number) => () =>
      REQUEST_KINDS.map((kind): Sample => [{ kind }, of(costOf(kind))]).filter(([, value]) => value > 0);
    const requests = { name: "holdfast_cost_requests_total", help: "Requests sent that AWS may charge for", labels: ["kind"] };
    exposeCounter(
      this.#registry,
      requests,
      read((cost) => cost.requests),
    );
    const units = {
      name: "holdfast_cost_units_total",
      help: "What they are charged by: request units, billed milliseconds, or requests",
      labels: ["kind"],
    };
    exposeCounter(
      this.#registry,
      units,
      read((cost) => cost.units),
    );
  }

  #exposeProcess(): void {
    const registry = this.#registry;
    const delay = {
      name: "holdfast_loop_delay_seconds",
      help: "Delay of the event loop since the last look",
      labels: ["quantile"],
    };
    exposeGauge(registry, delay, () => {
      const samples = [50, 99, 100].map(
        (percent): Sample => [{ quantile: String(percent / 100) }, this.#loopDelay.percentile(percent) / 1e9],
      );
      this.#loopDelay.reset();
      return samples;
    });
    gauge(registry, "process_resident_memory_bytes", "Resident memory", () => process.memoryUsage.rss());
    const cpu = { name: "process_cpu_seconds_total", help: "CPU time, user and system" };
    exposeCounter(registry, cpu, () => {
      const { user, system } = process.cpuUsage();
      return [[{}, (user + system) / 1e6]];
    });
  }
}

/** Sums over shards of whatever the stores count. */
function storeSamples(snapshot: CoreSnapshot | null): readonly Sample[] {
  const totals = new Map<string, number>();
  for (const statistics of snapshot?.stores ?? []) {
    for (const [what, value] of Object.entries(statistics)) totals.set(what, (totals.get(what) ?? 0) + value);
  }
  return [...totals].map(([what, value]) => [{ what }, value]);
}

function bucketsOf(map: Map<string, Buckets>, key: string): Buckets {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = new Buckets(TIME_BOUNDS);
  map.set(key, made);
  return made;
}

function count(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  exposeGauge(registry, { name, help }, () => [[{}, read()]]);
}

function histogram(registry: Registry, name: string, help: string, buckets: Buckets): void {
  exposeHistogram(registry, { name, help }, () => [[{}, buckets]]);
}

function labelledHistogram(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  map: ReadonlyMap<string, Buckets>,
): void {
  exposeHistogram(registry, { name, help }, () =>
    [...map].map(([key, buckets]) => [{ [label]: key } as Labels, buckets] as const),
  );
}

function labelledCounter(registry: Registry, name: string, help: string, label: string, map: ReadonlyMap<string, number>): void {
  exposeCounter(registry, { name, help, labels: [label] }, () =>
    [...map].map(([key, total]): Sample => [{ [label]: key }, total]),
  );
}
