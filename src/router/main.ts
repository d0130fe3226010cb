/**
 * The composition root: makes a router of its parts. Only this module and those in composition/ name adapters.
 *
 * Order of a start: data lock, storage, what is registered, the HTTP servers (they answer `starting` until all shards are
 * open), the core (claim, replay). Where the store does not answer, the servers come first and the rest waits for it. Order of a stop: the ingress takes nothing new and finishes what it has; the core
 * drains, flushes, releases its shards and seals its log; storage closes; the lock goes last.
 */
import { hostname } from "node:os";
import type { DeploymentLimits } from "../core/input.js";
import type { InProcessFunction } from "../invoker/in-process/in-process-invoker.js";
import { documentCodec } from "../protocol/record/document-codec.js";
import { recordCodec } from "../protocol/record/record-codec.js";
import { ClusterPlan } from "./cluster-plan.js";
import { BucketOwner } from "./composition/bucket-owner.js";
import { LOCAL_SCHEME, makeInvoker } from "./composition/invokers.js";
import { PatientStart } from "./composition/patient-start.js";
import { openPeers } from "./composition/peers.js";
import { openStorage, type Storage } from "./composition/storage.js";
import { DEFAULT_DEPLOYMENT_LIMITS, type FunctionSettings, type Settings } from "./config/settings.js";
import { coreSettings } from "./core-settings.js";
import { CoreRunner, type RunnerEnd, type RunnerLog } from "./driver/core-runner.js";
import { segmentTools } from "./driver/segment-tools.js";
import { openHttpServers } from "./http-servers.js";
import { RequestBudget } from "./ingress/request-budget.js";
import { makeLogger } from "./logger.js";
import { CostMeter } from "./metrics/cost-meter.js";
import { FiguresLog } from "./metrics/figures-log.js";
import { RouterMetrics } from "./metrics/router-metrics.js";
import { Registration } from "./registration.js";
import { RouterObserver } from "./router-observer.js";
import { systemClock, systemEntropy } from "./system-clock.js";
import { makeTracing } from "./tracing/tracing.js";

export interface RunningRouter {
  readonly ingressUrl: string;
  readonly adminUrl: string;
  readonly registration: Registration;
  readonly runner: CoreRunner;
  /** An orderly stop; again, or after the grace period: at once. Nothing accepted is lost either way. */
  stop(): Promise<void>;
  /** Resolves when the router has ended, for whatever reason. */
  readonly ended: Promise<RunnerEnd>;
}

export interface RouterOptions {
  /** Default: pino, at the level of the settings. */
  readonly log?: RunnerLog;
  /** Functions in this process, by the name that `localFunctions` gives to the settings. */
  readonly local?: Readonly<Record<string, InProcessFunction>>;
  /** Logs that may be taken over although some of their records may have expired (`records_expired`). */
  readonly acceptLossOf?: readonly string[];
}

/** The settings of functions in this process: `name` is their key in `RouterOptions.local`. */
export function localFunctions(name: string, limits: DeploymentLimits = DEFAULT_DEPLOYMENT_LIMITS): FunctionSettings {
  return { url: `${LOCAL_SCHEME}${name}`, limits, encoding: "json", headers: {} };
}

/**
 * Starts a router; resolves when its servers listen (they answer `starting` until all shards are open: see `runner.started`).
 * A store in AWS that does not answer is waited for behind that; what is wrong with it then is in `ended`.
 * Throws StorageProblem (`data_locked`, `data_unreadable` and others), AwsProblem, ListenProblem, BookProblem.
 */
export async function startRouter(settings: Settings, options: RouterOptions = {}): Promise<RunningRouter> {
  const meter = new CostMeter();
  const storage = await openStorage(settings, meter);
  try {
    return await startOn(storage, meter, settings, options);
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function startOn(storage: Storage, meter: CostMeter, settings: Settings, options: RouterOptions): Promise<RunningRouter> {
  const log = options.log ?? makeLogger(settings.log.level);
  const registration = new Registration({
    directory: storage.directory,
    clock: systemClock,
    entropy: systemEntropy,
    functions: settings.functions,
    types: settings.types,
    connect: (endpoint) => makeInvoker(endpoint, { aws: settings.aws, meter, local: options.local ?? {} }),
    changed: (deployments) => runner.deploy(deployments, registration.placements()),
    commandsOf: (id) => runner.commandsOf(id),
    name: `router ${hostname()}:${process.pid}`,
    openInvocations: (id) => runner.snapshot()?.dispatch.deployments.find(({ deployment }) => deployment === id)?.attempts ?? 0,
    log,
  });
  const budget = new RequestBudget(settings.ingress.limits.bodyBytesTotalMax);
  const tracing = makeTracing();
  const metrics = new RouterMetrics({
    core: () => runner.snapshot(),
    openRequests: () => servers.openRequests,
    heldBodyBytes: () => budget.bytes,
    costOf: (kind) => meter.costOf(kind),
    canaries: () => registration.canaries,
  });
  const network = await openPeers(settings, log);
  const node = { address: network?.address ?? "", capacity: settings.node.capacity };
  const runner = new CoreRunner({
    settings: coreSettings(settings, storage.journal, options.acceptLossOf, node),
    tools: { documentCodec, recordCodec, ...segmentTools },
    ports: {
      journal: storage.journal,
      directory: storage.directory,
      snapshots: storage.snapshots,
      compactor: storage.compactor,
      clock: systemClock,
      invokerOf: (deployment) => registration.invokerOf(deployment),
    },
    network,
    entropy: systemEntropy,
    observer: new RouterObserver(metrics, tracing, systemClock),
    log,
  });
  const plan = new ClusterPlan({
    directory: storage.directory,
    codec: documentCodec,
    entropy: systemEntropy,
    clusterId: () => runner.snapshot()?.cluster?.clusterId ?? null,
    changed: () => runner.planChanged(),
  });
  const { figuresEveryMs } = settings.log;
  const figures =
    figuresEveryMs === undefined ? null : new FiguresLog({ everyMs: figuresEveryMs, source: metrics, clock: systemClock, log });
  const start = new PatientStart({ storage, registration, clock: systemClock, log });
  const bucketOwner = new BucketOwner({
    snapshots: storage.snapshots,
    clock: systemClock,
    clusterId: () => runner.snapshot()?.cluster?.clusterId ?? null,
    foreign: (message) =>
      runner.refuse("cluster_mismatch", `the objects under the settings' prefix are another cluster's: ${message}`),
  });
  const close = async (): Promise<void> => {
    await start.stop();
    await bucketOwner.stop();
    figures?.stop();
    metrics.stop();
    await registration.close();
    await network?.close();
  };
  const silence = await start.attempt().catch(async (error) => {
    await close();
    throw error;
  });
  const servers = await openHttpServers(settings, { runner, registration, plan, budget, metrics, tracing, log }).catch(
    async (error) => {
      await close();
      throw error;
    },
  );
  const { ingressUrl, adminUrl } = servers;
  if (silence === null) runner.start();
  else {
    start.untilOpen(silence, { ingress: ingressUrl, admin: adminUrl }).then(
      (isOpen) => isOpen && runner.start(),
      (error) => runner.refuse(codeOf(error), messageOf(error)),
    );
  }
  if (settings.snapshots.kind === "s3") bucketOwner.claim(runner.started);
  const ended = runner.ended.then(async (end) => {
    await servers.close();
    await close();
    await storage.close();
    return end;
  });
  let isStopping = false;
  const stop = async (): Promise<void> => {
    if (isStopping) runner.abandon();
    isStopping = true;
    servers.leave();
    const cancel = systemClock.after(settings.stopGraceMs, () => runner.abandon());
    await runner.leaveCluster();
    await servers.stopIngress(settings.stopGraceMs);
    runner.stop();
    await ended;
    cancel();
  };
  return { ingressUrl, adminUrl, registration, runner, stop, ended };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "internal_error";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
