/** The two HTTP servers of a router, as the settings want them: the ingress for everybody, the admin API for the operator. */
import { AdminServer } from "./admin/admin-server.js";
import { makeAuthenticator } from "./auth/make-authenticator.js";
import type { ClusterPlan } from "./cluster-plan.js";
import { isLoopback } from "./config/read-settings.js";
import type { Settings } from "./config/settings.js";
import type { CoreRunner } from "./driver/core-runner.js";
import { HttpIngress, type IngressLog } from "./ingress/http-ingress.js";
import type { RequestBudget } from "./ingress/request-budget.js";
import type { ListenAddress } from "./ingress/server-lifecycle.js";
import { Cors } from "./ingress/web-origin.js";
import type { RouterMetrics } from "./metrics/router-metrics.js";
import type { Registration } from "./registration.js";
import type { Tracing } from "./tracing/tracing.js";

export interface HttpServerParts {
  readonly runner: CoreRunner;
  readonly registration: Registration;
  readonly plan: ClusterPlan;
  readonly budget: RequestBudget;
  readonly metrics: RouterMetrics;
  readonly tracing: Tracing;
  readonly log: IngressLog;
}

export interface HttpServers {
  readonly ingressUrl: string;
  readonly adminUrl: string;
  readonly openRequests: number;
  /** `/readyz` says no from now on, so that load balancers send elsewhere; whoever still comes is served as before. */
  leave(): void;
  /** Takes nothing new from clients and finishes what they sent; the admin API goes on. */
  stopIngress(graceMs: number): Promise<void>;
  /** Both are closed when it resolves; whoever is still connected is cut off. */
  close(): Promise<void>;
}

/** How long the last replies of the admin API may take. */
const ADMIN_GRACE_MS = 1_000;

/** Throws `ListenProblem` and `AuthKeysProblem`. */
export async function openHttpServers(settings: Settings, parts: HttpServerParts): Promise<HttpServers> {
  const { runner, registration, budget, metrics, tracing, log } = parts;
  const { limits, keepHeaders, auth, cors } = settings.ingress;
  const ingress = new HttpIngress({
    core: runner,
    types: registration,
    limits,
    authenticator: makeAuthenticator(auth),
    cors: cors === null ? null : new Cors(cors, keepHeaders),
    keepHeaders,
    budget,
    observer: metrics,
    tracing,
    log,
  });
  const startedAt = new Date().toISOString();
  let urls = { ingress: "", admin: "" };
  let isLeaving = false;
  const admin = new AdminServer({
    core: runner,
    registration,
    limits,
    budget,
    keepHeaders,
    authenticator: makeAuthenticator(settings.admin.auth),
    isLocalOnly: isLoopback(settings.listen.admin.host),
    cluster: { plan: parts.plan, view: () => runner.snapshot()?.cluster ?? null },
    isReady: () => !isLeaving && runner.snapshot()?.phase === "open",
    status: () => statusOf(settings, parts, startedAt, urls),
    metrics,
    log,
  });
  const adminAddress = await admin.listen(settings.listen.admin);
  let ingressAddress: ListenAddress;
  try {
    ingressAddress = await ingress.listen(settings.listen.ingress);
  } catch (error) {
    await admin.stop(0);
    throw error;
  }
  urls = { ingress: urlOf(ingressAddress), admin: urlOf(adminAddress) };
  return {
    ingressUrl: urls.ingress,
    adminUrl: urls.admin,
    get openRequests() {
      return ingress.openRequests;
    },
    leave: () => {
      isLeaving = true;
    },
    stopIngress: (graceMs) => ingress.stop(graceMs),
    close: async () => {
      await Promise.all([ingress.stop(0), admin.stop(ADMIN_GRACE_MS)]);
    },
  };
}

/** `/v1/status`. */
function statusOf(
  settings: Settings,
  { runner, registration, budget }: HttpServerParts,
  startedAt: string,
  urls: { readonly ingress: string; readonly admin: string },
): Readonly<Record<string, unknown>> {
  const snapshot = runner.snapshot();
  return {
    cluster: settings.cluster,
    shards: settings.shards,
    phase: snapshot?.phase ?? "starting",
    startedAt,
    urls,
    types: registration.names(),
    undiscovered: registration.undiscovered(),
    log: {
      durable: snapshot?.durablePosition ?? 0,
      last: snapshot?.lastPosition ?? 0,
      lagMs: snapshot?.durableLagMs ?? 0,
      tailBytes: snapshot?.tailBytes ?? 0,
      tailRecords: snapshot?.tailRecords ?? 0,
    },
    memory: { heldBytes: snapshot?.memory.bytes ?? 0, totalBytes: settings.memory.totalBytes, requestBytes: budget.bytes },
    refusedShards: snapshot?.refusedShards ?? [],
    dispatch: snapshot?.dispatch ?? null,
  };
}

function urlOf({ host, port }: ListenAddress): string {
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
