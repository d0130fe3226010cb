/**
 * Registers function endpoints: asks them what they serve, checks that what is stored can live with it, and makes the
 * change in the directory by compare-and-swap. Deployments never change; what changes is which of them serves a type.
 */
import { createHash } from "node:crypto";
import type { Incompatibility } from "../core/deployment/compatibility.js";
import type { EntityType } from "../core/entity/entity-type.js";
import type { ActiveDeployment, TypePlacement } from "../core/input.js";
import type { ClockPort, EntropyPort } from "../ports/clock.js";
import type { DirectoryPort } from "../ports/directory.js";
import type { DiscoverOutcome, InvokerPort } from "../ports/invoker.js";
import type { Encoding } from "../protocol/function/contract.js";
import { isSameEndpoint } from "./config/endpoint-address.js";
import { DEFAULT_DEPLOYMENT_LIMITS, type FunctionSettings } from "./config/settings.js";
import { BookStore } from "./deployment/book-store.js";
import {
  type DeploymentBook,
  promoted,
  rolledBack,
  withDeployment,
  withEndpoint,
  withoutDeployment,
} from "./deployment/deployment-book.js";
import { ManifestProblem, type OperatorPolicies, readManifest } from "./deployment/manifest-reader.js";
import { Repeated } from "./deployment/repeated.js";
import type { AdminProblemCode } from "./ingress/problem-table.js";
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
  readonly log: RegistrationLog;
}

export interface RegistrationLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface DeploymentView {
  readonly id: string;
  readonly url: string;
  readonly registeredAtMs: number;
  readonly types: readonly string[];
  /** The types it serves now. */
  readonly activeTypes: readonly string[];
}

/** What was accepted although it may hurt, or what the endpoint gives to think about (`endpoint_notice`). */
export type RegistrationWarning = Incompatibility | { readonly code: "endpoint_notice"; readonly message: string };

export type RegistrationOutcome =
  | { readonly kind: "done"; readonly deployment: DeploymentView | null; readonly warnings: readonly RegistrationWarning[] }
  | {
      readonly kind: "refused";
      readonly code: AdminProblemCode;
      readonly detail: string;
      readonly reasons: readonly Incompatibility[];
    };

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
  #typeByName: ReadonlyMap<string, EntityType> = new Map();
  #active: readonly ActiveDeployment[] = [];
  #published: DeploymentBook | null = null;
  readonly #looks: Repeated;
  /** Why the book could not be followed the last time; null: it could. */
  #trouble: string | null = null;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#book = new BookStore(options.directory, options.entropy);
    this.#looks = new Repeated(options.clock, LOOK_EVERY_MS, () => this.#follow());
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
   * Throws `BookProblem`.
   */
  async open(): Promise<void> {
    await this.#book.open();
    await this.#publish();
    this.#looks.start();
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
    await this.#looks.stop();
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
   * directory. Refused for an endpoint of the settings, which say it themselves.
   */
  async register(url: string, force: boolean, options: FunctionSettings | null = null): Promise<RegistrationOutcome> {
    if (options !== null && this.#configured(url) !== null) {
      return refused("bad_request", `${url} is in the settings ('functions'): set its limits and headers there`);
    }
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(DISCOVER_MS)]);
    const found = await this.#connected(options ?? this.#endpoint(url)).discover(signal);
    return this.#adopt(url, found, force, options);
  }

  /** Makes a registered deployment serve its types, as it was registered. */
  async promote(id: string, force: boolean): Promise<RegistrationOutcome> {
    const manifest = await this.#book.manifest(id);
    const registered = this.#book.book.deployments.some((deployment) => deployment.id === id);
    if (!registered || manifest === null)
      return refused("deployment_not_found", `no deployment '${id.slice(0, 100)}' is registered`);
    return this.#promote(id, readManifest(manifest, this.#options.types).types, force, (book) => book);
  }

  /** Back to what was active before the last change, at once and unconditionally. */
  async rollback(): Promise<RegistrationOutcome> {
    const changed = await this.#book.change((book) => {
      const before = rolledBack(book, this.#options.clock.nowMs());
      if (before === null) return refused("nothing_to_roll_back", "nothing was active before");
      return { kind: "changed", book: before };
    });
    if (changed.kind !== "changed") return changed;
    await this.#publish();
    this.#options.log.warn({ active: changed.book.active }, "deployments rolled back");
    return { kind: "done", deployment: null, warnings: [] };
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
      if (removal.kind === "missing") return refused("deployment_not_found", `no deployment '${id.slice(0, 100)}' is registered`);
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
    force: boolean,
    options: FunctionSettings | null = null,
    isOnlyIfNew = false,
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
    const outcome = await this.#promote(id, types, force, (book) => {
      if (isOnlyIfNew && book.deployments.some((known) => known.id === id)) return null;
      const registered = withDeployment(book, deployment);
      return options === null ? registered : withEndpoint(registered, { ...options, url: exact });
    });
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
  ): Promise<RegistrationOutcome> {
    let warnings: readonly RegistrationWarning[] = [];
    const changed = await this.#book.change((book) => {
      const prepared = prepare(book);
      if (prepared === null) return { kind: "changed", book };
      const promotion = promoted(prepared, id, types, force, this.#options.clock.nowMs());
      if (promotion.kind === "refused") {
        const detail = `${promotion.reasons.length} thing(s) that what is stored may need would be missing`;
        return { kind: "refused", code: "deployment_incompatible", detail, reasons: promotion.reasons };
      }
      warnings = promotion.accepted;
      return { kind: "changed", book: promotion.book };
    });
    if (changed.kind !== "changed") return changed;
    await this.#publish();
    const deployment = this.#view(id);
    this.#options.log.info({ deployment, warnings }, "deployment serves its types");
    return { kind: "done", deployment, warnings };
  }

  /** Tells everybody what is active now. The last change wins, also over one that is still being told. */
  async #publish(): Promise<void> {
    for (let book = this.#book.book; ; book = this.#book.book) {
      const deployments: ActiveDeployment[] = [];
      for (const id of new Set(Object.values(book.active))) deployments.push(await this.#activeDeployment(book, id));
      if (book !== this.#book.book) continue;
      this.#published = book;
      this.#active = deployments;
      this.#typeByName = new Map(deployments.flatMap(({ types }) => types).map((type) => [type.name, type]));
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

  async #activeDeployment(book: DeploymentBook, id: string): Promise<ActiveDeployment> {
    const manifest = await this.#book.manifest(id);
    if (manifest === null) throw new Error(`the manifest of the active deployment ${id} is not in the directory`);
    const served = readManifest(manifest, this.#options.types);
    const url = book.deployments.find((deployment) => deployment.id === id)?.url ?? "";
    const { limits, encoding } = this.#endpoint(url);
    this.#encodingById.set(id, served.encodings.includes(encoding) ? encoding : served.preferredEncoding);
    return { id, types: served.types.filter((type) => book.active[type.name] === id), limits };
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
    return this.#adopt(url, found, false, null, true);
  }

  #view(id: string): DeploymentView | null {
    const { deployments, active } = this.#book.book;
    const found = deployments.find((deployment) => deployment.id === id);
    if (found === undefined) return null;
    return { ...found, activeTypes: found.types.filter((name) => active[name] === id) };
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

function refused(code: AdminProblemCode, detail: string): Extract<RegistrationOutcome, { readonly kind: "refused" }> {
  return { kind: "refused", code, detail, reasons: [] };
}
