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
import type { Encoding } from "../protocol/function/contract.js";
import { isSameEndpoint } from "./config/endpoint-address.js";
import { DEFAULT_DEPLOYMENT_LIMITS, type FunctionSettings } from "./config/settings.js";
import { BookStore } from "./deployment/book-store.js";
import { type Canary, type CanaryTerms, FAULTS_MAX_DEFAULT } from "./deployment/canary.js";
import { withCanary, withoutCanary } from "./deployment/canary-book.js";
import { CanaryKeeper, type CommandsOf } from "./deployment/canary-keeper.js";
import {
  type DeploymentBook,
  promoted,
  rolledBack,
  withDeployment,
  withEndpoint,
  withoutDeployment,
} from "./deployment/deployment-book.js";
import { ManifestProblem, type OperatorPolicies, readManifest } from "./deployment/manifest-reader.js";
import {
  type DeploymentView,
  incompatible,
  notFound,
  type RegistrationOutcome,
  type RegistrationWarning,
  refused,
  viewOf,
} from "./deployment/registration-outcome.js";
import { Repeated } from "./deployment/repeated.js";
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

export interface RegistrationLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What is not said stays as it is, or has its default. A weight of 0 ends the canary. */
export type CanaryWish = Partial<CanaryTerms> & Pick<CanaryTerms, "weight">;

/** How long an endpoint may take to say what it serves. */
const DISCOVER_MS = 10_000;
/** A configured endpoint that is down is asked again after the first time, up to the last. */
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 30_000;
/**
 * What was changed through another router is seen after this time. It costs one read of the directory each, and an idle router
 * has three store requests a second for everything.
 */
const LOOK_EVERY_MS = 5_000;
/** By then every router that can renew its lease has noticed that a deployment serves no longer: one look that failed included. */
const NOTICED_MS = 2 * LOOK_EVERY_MS;

export class Registration implements TypeCatalog {
  readonly #options: RegistrationOptions;
  readonly #book: BookStore;
  readonly #invokerByKey = new Map<string, InvokerPort>();
  readonly #encodingById = new Map<string, Encoding>();
  readonly #stopping = new AbortController();
  readonly #pending = new Set<string>();
  #background: readonly Promise<void>[] = [];
  #isOpen = false;
  #typeByName: ReadonlyMap<string, EntityType> = new Map();
  #active: readonly ActiveDeployment[] = [];
  #published: DeploymentBook | null = null;
  readonly #typesById = new Map<string, readonly EntityType[]>();
  readonly #looks: Repeated;
  readonly #keeper: CanaryKeeper;
  /** Why the book could not be followed the last time; null: it could. */
  #trouble: string | null = null;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#book = new BookStore(options.directory, options.entropy);
    this.#looks = new Repeated(options.clock, LOOK_EVERY_MS, () => this.#follow());
    this.#keeper = new CanaryKeeper({
      clock: options.clock,
      commandsOf: options.commandsOf,
      book: () => this.#book.book,
      end: (canary, decision, why) =>
        decision === "rollBack" ? this.#rollBackCanary(canary, why) : this.#promoteCanary(canary, why),
      warn: (fields, message) => options.log.warn(fields, message),
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get(name: string): EntityType | undefined {
    return this.#typeByName.get(name);
  }

  names(): readonly string[] {
    return [...this.#typeByName.keys()].sort();
  }

  undiscovered(): readonly string[] {
    return [...this.#pending];
  }

  get active(): readonly ActiveDeployment[] {
    return this.#active;
  }

  /** The types that are served now, by name. */
  types(): readonly EntityType[] {
    return this.names().flatMap((name) => this.#typeByName.get(name) ?? []);
  }

  /**
   * Reads what is registered, and follows it from then on. Begins to register the configured endpoints in the background.
   * Throws `BookProblem`, and `DirectoryUnread`: then it may be called again.
   */
  async open(): Promise<void> {
    await this.#book.open();
    await this.#publish();
    this.#isOpen = true;
    this.#looks.start();
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
    await Promise.all([this.#looks.stop(), this.#keeper.stop()]);
    await Promise.all(this.#background);
    await Promise.all([...this.#invokerByKey.values()].map((invoker) => invoker.close()));
  }

  list(): readonly DeploymentView[] {
    return this.#book.book.deployments.map(({ id }) => this.#view(id)).filter((view) => view !== null);
  }

  /** Null for a deployment that is not registered. */
  invokerOf(deployment: string): InvokerPort | null {
    const registered = this.#book.book.deployments.find(({ id }) => id === deployment);
    return registered === undefined ? null : this.#invoker(registered.url, this.#encodingById.get(deployment));
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
    if (options !== null && this.#configured(url) !== null) {
      return refused("bad_request", `${url} is in the settings ('functions'): set its limits and headers there`);
    }
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(DISCOVER_MS)]);
    const found = await this.#connected(options ?? this.#endpoint(url)).discover(signal);
    return this.#adopt(url, found, { force, options, canary, isOnlyIfNew: false });
  }

  /** Begins or ends a canary of a registered deployment, or changes its terms. */
  async setCanary(id: string, wish: CanaryWish, force: boolean): Promise<RegistrationOutcome> {
    const types = await this.#registeredTypes(id);
    if (types === null) return notFound(id);
    return wish.weight === 0 ? this.#endCanary(id) : this.#startCanary(id, types, wish, force, (book) => book);
  }

  /** For metrics. */
  get canaries(): readonly Canary[] {
    return this.#book.book.canaries;
  }

  /** Makes a registered deployment serve its types, as it was registered. */
  async promote(id: string, force: boolean): Promise<RegistrationOutcome> {
    const types = await this.#registeredTypes(id);
    return types === null ? notFound(id) : this.#promote(id, types, force, (book) => book);
  }

  /** Back to what was so before the last change, at once and unconditionally. */
  async rollback(): Promise<RegistrationOutcome> {
    let ended: string | null = null;
    const changed = await this.#book.change((book) => {
      const before = rolledBack(book, this.#options.clock.nowMs());
      if (before === null) return refused("nothing_to_roll_back", "nothing was active before");
      ended = book.canaries.length > before.canaries.length ? (before.canaryEnds.at(-1)?.deployment ?? null) : null;
      return { kind: "changed", book: before };
    });
    if (changed.kind !== "changed") return changed;
    await this.#publish();
    this.#options.log.warn({ active: changed.book.active, canary: ended }, "deployments rolled back");
    return { kind: "done", deployment: ended === null ? null : this.#view(ended), warnings: [] };
  }

  /**
   * Forgets a deployment that nothing needs any more, so that its endpoint may go. Invocations of it that run here are counted;
   * for those of other routers it has to rest so long that they have noticed, and what they had begun is over.
   */
  async remove(id: string): Promise<RegistrationOutcome> {
    const open = this.#options.openInvocations(id);
    if (open > 0) return refused("deployment_in_use", `${id} is needed: ${open} of its invocations are under way`);
    const changed = await this.#book.change((book) => {
      const url = book.deployments.find((deployment) => deployment.id === id)?.url ?? "";
      const restMs = NOTICED_MS + this.#endpoint(url).limits.timeoutMs;
      const removal = withoutDeployment(book, id, this.#options.clock.nowMs(), restMs);
      if (removal.kind === "missing") return notFound(id);
      if (removal.kind === "needed") return refused("deployment_in_use", `${id} is needed: ${removal.why}`);
      return { kind: "changed", book: removal.book };
    });
    if (changed.kind !== "changed") return changed;
    this.#options.log.info({ deployment: id }, "deployment removed");
    return { kind: "done", deployment: null, warnings: [] };
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
      ? this.#promote(id, types, force, prepare)
      : this.#startCanary(id, types, canary, force, prepare));
    if (outcome.kind === "refused" || found.notices === undefined || found.notices.length === 0) return outcome;
    const notices = found.notices.map((message) => ({ code: "endpoint_notice", message }) as const);
    this.#options.log.warn({ url, notices: found.notices }, "the endpoint was registered, with something to know");
    return { ...outcome, warnings: [...outcome.warnings, ...notices] };
  }

  async #promote(
    id: string,
    types: readonly EntityType[],
    force: boolean,
    /** Null: the book stays as it is. */
    prepare: (book: DeploymentBook) => DeploymentBook | null,
    cause?: { readonly by: string; readonly why: string },
  ): Promise<RegistrationOutcome> {
    let warnings: readonly RegistrationWarning[] = [];
    const changed = await this.#book.change((book) => {
      const prepared = prepare(book);
      if (prepared === null) return { kind: "changed", book };
      const promotion = promoted(prepared, id, types, force, this.#options.clock.nowMs(), cause);
      if (promotion.kind === "refused") return incompatible(promotion.reasons);
      warnings = promotion.accepted;
      return { kind: "changed", book: promotion.book };
    });
    if (changed.kind !== "changed") return changed;
    await this.#publish();
    const deployment = this.#view(id);
    this.#options.log.info({ deployment, warnings }, "deployment serves its types");
    return { kind: "done", deployment, warnings };
  }

  async #startCanary(
    id: string,
    types: readonly EntityType[],
    wish: CanaryWish,
    force: boolean,
    prepare: (book: DeploymentBook) => DeploymentBook | null,
  ): Promise<RegistrationOutcome> {
    let warnings: readonly RegistrationWarning[] = [];
    const changed = await this.#book.change((book) => {
      const prepared = prepare(book) ?? book;
      const stable = this.#stableTypes(prepared);
      if (stable === null) return refused("deployments_contended", "what serves the types changed at this moment; try again");
      const former = prepared.canaries.find(({ deployment }) => deployment === id);
      const { weight, faultsMax = former?.faultsMax ?? FAULTS_MAX_DEFAULT, forMs = former?.forMs ?? null } = wish;
      const start = withCanary(prepared, id, types, stable, { weight, faultsMax, forMs }, force, this.#options.clock.nowMs());
      if (start.kind === "impossible") return refused("canary_refused", `${id} cannot be a canary: ${start.why}`);
      if (start.kind === "incompatible") return incompatible(start.reasons);
      warnings = start.accepted;
      return { kind: "changed", book: start.book };
    });
    if (changed.kind !== "changed") return changed;
    await this.#publish();
    const deployment = this.#view(id);
    this.#options.log.info({ deployment, warnings }, "deployment serves a share of the entities of its types, as a canary");
    return { kind: "done", deployment, warnings };
  }

  /** As an operator asked. */
  async #endCanary(id: string): Promise<RegistrationOutcome> {
    const changed = await this.#book.change((book) => {
      const canary = book.canaries.find(({ deployment }) => deployment === id);
      if (canary === undefined) return refused("canary_refused", `${id} is no canary`);
      const ending = { how: "rolled_back", by: "operator", why: "asked for" } as const;
      return { kind: "changed", book: withoutCanary(book, canary, ending, this.#options.clock.nowMs()) };
    });
    if (changed.kind !== "changed") return changed;
    await this.#publish();
    this.#options.log.warn({ deployment: id }, "the canary was rolled back");
    return { kind: "done", deployment: this.#view(id), warnings: [] };
  }

  /** As this router's judge said. Null: done, here or elsewhere. */
  async #rollBackCanary(canary: Canary, why: string): Promise<string | null> {
    const { clock, log, name: by } = this.#options;
    let isMine = false;
    const changed = await this.#book.change((book) => {
      isMine = isUnderWay(book, canary);
      if (!isMine) return { kind: "changed", book };
      return { kind: "changed", book: withoutCanary(book, canary, { how: "rolled_back", by, why }, clock.nowMs()) };
    });
    if (changed.kind !== "changed") return changed.detail;
    await this.#publish();
    if (isMine) log.error({ canary, why }, "the canary was rolled back: the stable version serves all entities again");
    return null;
  }

  async #promoteCanary(canary: Canary, why: string): Promise<string | null> {
    const id = canary.deployment;
    const types = await this.#registeredTypes(id);
    if (types === null) return `the manifest of ${id} is not in the directory`;
    const prepare = (book: DeploymentBook): DeploymentBook | null => (isUnderWay(book, canary) ? book : null);
    const outcome = await this.#promote(id, types, false, prepare, { by: this.#options.name, why });
    return outcome.kind === "done" ? null : outcome.detail;
  }

  /** Null where the book names a deployment that was not looked at yet. */
  #stableTypes(book: DeploymentBook): ReadonlyMap<string, EntityType> | null {
    const typeByName = new Map<string, EntityType>();
    for (const [name, id] of Object.entries(book.active)) {
      const type = this.#typesById.get(id)?.find((one) => one.name === name);
      if (type === undefined) return null;
      typeByName.set(name, type);
    }
    return typeByName;
  }

  /** Null for a deployment that is not registered. */
  async #registeredTypes(id: string): Promise<readonly EntityType[] | null> {
    const manifest = await this.#book.manifest(id);
    const isRegistered = this.#book.book.deployments.some((deployment) => deployment.id === id);
    return isRegistered && manifest !== null ? readManifest(manifest, this.#options.types).types : null;
  }

  /** Tells everybody what is active now. The last change wins, also over one that is still being told. */
  async #publish(): Promise<void> {
    for (let book = this.#book.book; ; book = this.#book.book) {
      const deployments: ActiveDeployment[] = [];
      for (const id of new Set(Object.values(book.active))) {
        deployments.push(await this.#activeDeployment(book, id, (name) => book.active[name] === id));
      }
      for (const { deployment, types, weight } of book.canaries) {
        deployments.push({ ...(await this.#activeDeployment(book, deployment, (name) => types.includes(name))), weight });
      }
      if (book !== this.#book.book) continue;
      this.#published = book;
      this.#active = deployments;
      const stable = deployments.filter(({ weight }) => weight === undefined);
      this.#typeByName = new Map(stable.flatMap(({ types }) => types).map((type) => [type.name, type]));
      this.#keeper.begin();
      this.#options.changed(deployments);
      return;
    }
  }

  /** Looks whether the book was changed through another router. A router that works goes on with what it knows, whatever is there. */
  async #follow(): Promise<void> {
    let trouble: string | null;
    try {
      trouble = await this.#book.refresh();
      if (trouble === null && this.#published !== this.#book.book) {
        await this.#publish();
        this.#options.log.info({ active: this.#book.book.active }, "the deployments were changed through another router");
      }
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
    }
    if (trouble !== null && trouble !== this.#trouble) {
      const message = "the deployments cannot be followed; what served goes on, and what other routers change is not seen";
      this.#options.log.error({ detail: trouble }, message);
    } else if (trouble === null && this.#trouble !== null) this.#options.log.info({}, "the deployments are followed again");
    this.#trouble = trouble;
  }

  async #activeDeployment(book: DeploymentBook, id: string, isServed: (type: string) => boolean): Promise<ActiveDeployment> {
    const manifest = await this.#book.manifest(id);
    if (manifest === null) throw new Error(`the manifest of the active deployment ${id} is not in the directory`);
    const served = readManifest(manifest, this.#options.types);
    const url = book.deployments.find((deployment) => deployment.id === id)?.url ?? "";
    const { limits, encoding } = this.#endpoint(url);
    this.#encodingById.set(id, served.encodings.includes(encoding) ? encoding : served.preferredEncoding);
    this.#typesById.set(id, served.types);
    return { id, types: served.types.filter(({ name }) => isServed(name)), limits };
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
    const found = await this.#invoker(url).discover(signal);
    if (found.kind === "discovered") {
      const known = this.#view(deploymentId(found.endpoint ?? url, found.manifest));
      if (known !== null) return { kind: "done", deployment: known, warnings: [] };
    }
    return this.#adopt(url, found, { force: false, options: null, canary: null, isOnlyIfNew: true });
  }

  #view(id: string): DeploymentView | null {
    return viewOf(this.#book.book, id);
  }

  #invoker(url: string, encoding?: Encoding): InvokerPort {
    const endpoint = this.#endpoint(url);
    return this.#connected(encoding === undefined ? endpoint : { ...endpoint, encoding });
  }

  #connected(endpoint: FunctionSettings): InvokerPort {
    const key = JSON.stringify([endpoint.url, endpoint.encoding, endpoint.headers]);
    const known = this.#invokerByKey.get(key);
    if (known !== undefined) return known;
    const made = this.#options.connect(endpoint);
    this.#invokerByKey.set(key, made);
    return made;
  }

  #endpoint(url: string): FunctionSettings {
    const options = this.#configured(url) ?? endpointOf(this.#book.book.endpoints, url) ?? DEFAULT_ENDPOINT;
    return { ...options, url };
  }

  #configured(url: string): FunctionSettings | null {
    return endpointOf(this.#options.functions, url);
  }
}

const DEFAULT_ENDPOINT = { limits: DEFAULT_DEPLOYMENT_LIMITS, encoding: "json", headers: {} } as const;

function endpointOf(endpoints: readonly FunctionSettings[], url: string): FunctionSettings | null {
  return endpoints.find((one) => one.url === url) ?? endpoints.findLast((one) => isSameEndpoint(one.url, url)) ?? null;
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

/** Neither ended nor changed since it was looked at. */
function isUnderWay(book: DeploymentBook, canary: Canary): boolean {
  return book.canaries.some((one) => one.deployment === canary.deployment && one.changedAtMs === canary.changedAtMs);
}
