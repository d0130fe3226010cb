/**
 * Registers function endpoints: asks them what they serve, checks that what is stored can live with it, and makes the
 * change in the directory by compare-and-swap. Deployments never change; what changes is which of them serves a type.
 */
import { createHash } from "node:crypto";
import type { EntityType } from "../core/entity/entity-type.js";
import type { ActiveDeployment, TypePlacement } from "../core/input.js";
import type { ClockPort, EntropyPort } from "../ports/clock.js";
import type { DirectoryPort } from "../ports/directory.js";
import type { DiscoverOutcome, InvokerPort } from "../ports/invoker.js";
import { isSameEndpoint } from "./config/endpoint-address.js";
import type { FunctionSettings } from "./config/settings.js";
import { ActiveDeployments } from "./deployment/active-deployments.js";
import { BookStore } from "./deployment/book-store.js";
import type { Canary, CanaryWish } from "./deployment/canary.js";
import { CanaryKeeper, type CommandsOf } from "./deployment/canary-keeper.js";
import { type DeploymentBook, withDeployment, withEndpoint } from "./deployment/deployment-book.js";
import { DeploymentChanges } from "./deployment/deployment-changes.js";
import { Endpoints } from "./deployment/endpoints.js";
import { ManifestProblem, type OperatorPolicies, readManifest } from "./deployment/manifest-reader.js";
import type { RegistrationLog } from "./deployment/registration-log.js";
import { type DeploymentView, type RegistrationOutcome, refused, viewOf } from "./deployment/registration-outcome.js";
import type { TypeCatalog } from "./ingress/type-catalog.js";

export interface RegistrationOptions {
  readonly directory: DirectoryPort;
  readonly clock: ClockPort;
  readonly entropy: EntropyPort;
  /** Endpoints from the settings; others have what they were registered with. Those of a Lambda function hold for all its versions. */
  readonly functions: readonly FunctionSettings[];
  /** What the operator sets for types. */
  readonly types: OperatorPolicies;
  /** Makes the invoker of an endpoint; called once for each URL and encoding. */
  connect(endpoint: FunctionSettings): InvokerPort;
  /** Called with all active deployments whenever they change, once also from `open`. */
  changed(deployments: readonly ActiveDeployment[]): void;
  /** Invocations of a deployment that are under way here. */
  openInvocations(deployment: string): number;
  /** What became of commands of a deployment here: canaries are judged by it. */
  readonly commandsOf: CommandsOf;
  /** Names this router in what is recorded of its decisions. */
  readonly name: string;
  readonly log: RegistrationLog;
}

/** How long an endpoint may take to say what it serves. */
const DISCOVER_MS = 10_000;
/** A configured endpoint that is down is asked again after the first time, up to the last. */
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 30_000;

export class Registration implements TypeCatalog {
  readonly #options: RegistrationOptions;
  readonly #book: BookStore;
  readonly #endpoints: Endpoints;
  readonly #active: ActiveDeployments;
  readonly #changes: DeploymentChanges;
  readonly #keeper: CanaryKeeper;
  readonly #stopping = new AbortController();
  readonly #pending = new Set<string>();
  #background: readonly Promise<void>[] = [];
  #isOpen = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    const { clock, log, types: policies, commandsOf } = options;
    const book = new BookStore(options.directory, options.entropy);
    const endpoints = new Endpoints({
      functions: options.functions,
      connect: (endpoint) => options.connect(endpoint),
      book: () => book.book,
    });
    const active = new ActiveDeployments({
      book,
      endpoints,
      clock,
      policies,
      log,
      changed: (deployments) => {
        this.#keeper.begin();
        options.changed(deployments);
      },
    });
    this.#book = book;
    this.#endpoints = endpoints;
    this.#active = active;
    this.#changes = new DeploymentChanges({
      book,
      active,
      endpoints,
      clock,
      policies,
      name: options.name,
      log,
      openInvocations: (deployment) => options.openInvocations(deployment),
    });
    this.#keeper = new CanaryKeeper({
      clock,
      commandsOf,
      book: () => book.book,
      end: (canary, decision, why) => this.#changes.endCanary(canary, decision, why),
      warn: (fields, message) => log.warn(fields, message),
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get(name: string): EntityType | undefined {
    return this.#active.typeByName.get(name);
  }

  names(): readonly string[] {
    return [...this.#active.typeByName.keys()].sort();
  }

  undiscovered(): readonly string[] {
    return [...this.#pending];
  }

  get active(): readonly ActiveDeployment[] {
    return this.#active.all;
  }

  /** The types that are served now, by name. */
  types(): readonly EntityType[] {
    return this.names().flatMap((name) => this.#active.typeByName.get(name) ?? []);
  }

  /**
   * Reads what is registered, and follows it from then on. Begins to register the configured endpoints in the background.
   * Throws `BookProblem`, and `DirectoryUnread`: then it may be called again.
   */
  async open(): Promise<void> {
    await this.#book.open();
    await this.#active.publish();
    this.#isOpen = true;
    this.#active.start();
    this.#keeper.start();
    const known = this.#book.book.deployments;
    for (const { url } of this.#options.functions) {
      if (!known.some((deployment) => isSameEndpoint(deployment.url, url))) this.#pending.add(url);
    }
    this.#background = this.#options.functions.map(({ url }) =>
      this.#registerUntilDone(url).catch((error: unknown) => {
        this.#options.log.error({ err: error, url }, "a configured endpoint was not registered");
      }),
    );
  }

  /** Where the entities of every type lie that stored data may have. */
  placements(): readonly TypePlacement[] {
    return [...this.#book.book.needs].map(([type, { colocation }]) => ({ type, colocation }));
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await Promise.all([this.#active.stop(), this.#keeper.stop()]);
    await Promise.all(this.#background);
    await this.#endpoints.close();
  }

  list(): readonly DeploymentView[] {
    return this.#book.book.deployments.map(({ id }) => this.#view(id)).filter((view) => view !== null);
  }

  /** Null for a deployment that is not registered. */
  invokerOf(deployment: string): InvokerPort | null {
    const registered = this.#book.book.deployments.find(({ id }) => id === deployment);
    return registered === undefined ? null : this.#endpoints.invoker(registered.url, this.#active.encodingOf(deployment));
  }

  /**
   * Discovers the endpoint and makes it serve its types. The same endpoint with the same manifest is the same deployment.
   * `options` hold for all deployments at that address, from now on; null leaves them as they are. They are kept in the
   * directory. Refused for an endpoint of the settings, which say it themselves. `canary`: of a share of the entities alone.
   */
  async register(
    url: string,
    force: boolean,
    options: FunctionSettings | null = null,
    canary: CanaryWish | null = null,
  ): Promise<RegistrationOutcome> {
    if (options !== null && this.#endpoints.configured(url) !== null) {
      return refused("bad_request", `${url} is in the settings ('functions'): set its limits and headers there`);
    }
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(DISCOVER_MS)]);
    const found = await this.#endpoints.connected(options ?? this.#endpoints.of(url)).discover(signal);
    return this.#adopt(url, found, { force, options, canary, isOnlyIfNew: false });
  }

  /** Begins or ends a canary of a registered deployment, or changes its terms. */
  setCanary(id: string, wish: CanaryWish, force: boolean): Promise<RegistrationOutcome> {
    return this.#changes.setCanary(id, wish, force);
  }

  /** For metrics. */
  get canaries(): readonly Canary[] {
    return this.#book.book.canaries;
  }

  /** Makes a registered deployment serve its types, as it was registered. */
  promote(id: string, force: boolean): Promise<RegistrationOutcome> {
    return this.#changes.promote(id, force);
  }

  /** Back to what was so before the last change, at once and unconditionally. */
  rollback(): Promise<RegistrationOutcome> {
    return this.#changes.rollback();
  }

  /** Forgets a deployment that nothing needs any more, so that its endpoint may go. */
  remove(id: string): Promise<RegistrationOutcome> {
    return this.#changes.remove(id);
  }

  async #adopt(
    url: string,
    found: DiscoverOutcome,
    { force, options, canary, isOnlyIfNew }: Adoption,
  ): Promise<RegistrationOutcome> {
    if (found.kind === "unavailable") return refused("endpoint_unreachable", `${url}: ${found.message}`);
    if (found.kind === "malformed") return refused("manifest_malformed", `${url}: ${found.message}`);
    let types: readonly EntityType[];
    try {
      ({ types } = readManifest(found.manifest, this.#options.types));
    } catch (error) {
      if (error instanceof ManifestProblem) return refused(error.code, `${url}: ${error.message}`);
      throw error;
    }
    const exact = found.endpoint ?? url;
    const id = deploymentId(exact, found.manifest);
    const stored = await this.#book.keepManifest(id, found.manifest);
    if (stored !== null) return stored;
    const served = types.map(({ name }) => name).sort();
    const deployment = { id, url: exact, registeredAtMs: this.#options.clock.nowMs(), types: served };
    const prepare = (book: DeploymentBook): DeploymentBook | null => {
      if (isOnlyIfNew && book.deployments.some((known) => known.id === id)) return null;
      const registered = withDeployment(book, deployment);
      return options === null ? registered : withEndpoint(registered, { ...options, url: exact });
    };
    const outcome = await (canary === null
      ? this.#changes.serve(id, types, force, prepare)
      : this.#changes.startCanary(id, types, canary, force, prepare));
    if (outcome.kind === "refused" || found.notices === undefined || found.notices.length === 0) return outcome;
    const notices = found.notices.map((message) => ({ code: "endpoint_notice", message }) as const);
    this.#options.log.warn({ url, notices: found.notices }, "the endpoint was registered, with something to know");
    return { ...outcome, warnings: [...outcome.warnings, ...notices] };
  }

  /** A configured endpoint: registered when it is new; asked again until it answers. Others go on meanwhile. */
  async #registerUntilDone(url: string): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    for (let waitMs = RETRY_FIRST_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, RETRY_LAST_MS)) {
      const outcome = await this.#registerIfNew(url);
      if (outcome.kind === "done") break;
      if (
        outcome.code !== "endpoint_unreachable" &&
        outcome.code !== "directory_failed" &&
        outcome.code !== "deployments_contended"
      ) {
        log.error({ ...outcome, url }, "a configured endpoint was not registered; what it served before goes on");
        break;
      }
      if (waitMs === RETRY_FIRST_MS)
        log.warn({ url, detail: outcome.detail }, "a configured endpoint does not answer yet; it is asked again");
      await clock.sleep(waitMs, signal);
    }
    this.#pending.delete(url);
  }

  /**
   * Known deployments are left as they are: the operator may have rolled one of them back. Another router with the same
   * settings may register it meanwhile: then the book, read again, has it.
   */
  async #registerIfNew(url: string): Promise<RegistrationOutcome> {
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(DISCOVER_MS)]);
    const found = await this.#endpoints.invoker(url).discover(signal);
    if (found.kind === "discovered") {
      const known = this.#view(deploymentId(found.endpoint ?? url, found.manifest));
      if (known !== null) return { kind: "done", deployment: known, warnings: [] };
    }
    return this.#adopt(url, found, { force: false, options: null, canary: null, isOnlyIfNew: true });
  }

  #view(id: string): DeploymentView | null {
    return viewOf(this.#book.book, id);
  }
}

/** Content-addressed: a function that changes what it serves is another deployment, one that does not is the same. */
export function deploymentId(url: string, manifest: Uint8Array): string {
  return `d-${createHash("sha256").update(url).update("\0").update(manifest).digest("hex").slice(0, 12)}`;
}

interface Adoption {
  readonly force: boolean;
  readonly options: FunctionSettings | null;
  readonly canary: CanaryWish | null;
  readonly isOnlyIfNew: boolean;
}
