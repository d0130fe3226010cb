/**
 * What serves now, by the book of deployments: tells everybody when it changes, here or through another router, whose changes
 * it follows.
 */
import type { EntityType } from "../../core/entity/entity-type.js";
import type { ActiveDeployment } from "../../core/input.js";
import type { ClockPort } from "../../ports/clock.js";
import type { Encoding } from "../../protocol/function/contract.js";
import type { BookStore } from "./book-store.js";
import type { DeploymentBook } from "./deployment-book.js";
import type { Endpoints } from "./endpoints.js";
import { type OperatorPolicies, readManifest } from "./manifest-reader.js";
import type { RegistrationLog } from "./registration-log.js";
import { Repeated } from "./repeated.js";

export interface ActiveDeploymentsParts {
  readonly book: BookStore;
  readonly endpoints: Endpoints;
  readonly clock: ClockPort;
  /** What the operator sets for types. */
  readonly policies: OperatorPolicies;
  readonly log: RegistrationLog;
  /** Called with all active deployments whenever they change. */
  changed(deployments: readonly ActiveDeployment[]): void;
}

/**
 * What was changed through another router is seen after this time. It costs one read of the directory each, and an idle router
 * has three store requests a second for everything.
 */
export const BOOK_LOOK_EVERY_MS = 5_000;

export class ActiveDeployments {
  readonly #parts: ActiveDeploymentsParts;
  readonly #looks: Repeated;
  #all: readonly ActiveDeployment[] = [];
  #typeByName: ReadonlyMap<string, EntityType> = new Map();
  readonly #encodingById = new Map<string, Encoding>();
  readonly #typesById = new Map<string, readonly EntityType[]>();
  #published: DeploymentBook | null = null;
  /** Why the book could not be followed the last time; null: it could. */
  #trouble: string | null = null;

  constructor(parts: ActiveDeploymentsParts) {
    this.#parts = parts;
    this.#looks = new Repeated(parts.clock, BOOK_LOOK_EVERY_MS, () => this.#follow());
  }

  get all(): readonly ActiveDeployment[] {
    return this.#all;
  }

  /** The types that are served now, canaries apart. */
  get typeByName(): ReadonlyMap<string, EntityType> {
    return this.#typeByName;
  }

  /** What a deployment that serves, or did, is called with. */
  encodingOf(deployment: string): Encoding | undefined {
    return this.#encodingById.get(deployment);
  }

  /** What serves by the book, canaries apart. Null where the book names a deployment that was not looked at yet. */
  stableTypes(book: DeploymentBook): ReadonlyMap<string, EntityType> | null {
    const typeByName = new Map<string, EntityType>();
    for (const [name, id] of Object.entries(book.active)) {
      const type = this.#typesById.get(id)?.find((one) => one.name === name);
      if (type === undefined) return null;
      typeByName.set(name, type);
    }
    return typeByName;
  }

  /** Follows the book from now on. */
  start(): void {
    this.#looks.start();
  }

  /** Resolves when nothing is under way any more. */
  stop(): Promise<void> {
    return this.#looks.stop();
  }

  /** Tells everybody what is active now. The last change wins, also over one that is still being told. */
  async publish(): Promise<void> {
    for (let book = this.#parts.book.book; ; book = this.#parts.book.book) {
      const deployments: ActiveDeployment[] = [];
      for (const id of new Set(Object.values(book.active))) {
        deployments.push(await this.#activeDeployment(book, id, (name) => book.active[name] === id));
      }
      for (const { deployment, types, weight } of book.canaries) {
        deployments.push({ ...(await this.#activeDeployment(book, deployment, (name) => types.includes(name))), weight });
      }
      if (book !== this.#parts.book.book) continue;
      this.#published = book;
      this.#all = deployments;
      const stable = deployments.filter(({ weight }) => weight === undefined);
      this.#typeByName = new Map(stable.flatMap(({ types }) => types).map((type) => [type.name, type]));
      this.#parts.changed(deployments);
      return;
    }
  }

  /** Looks whether the book was changed through another router. A router that works goes on with what it knows, whatever is there. */
  async #follow(): Promise<void> {
    let trouble: string | null;
    try {
      trouble = await this.#parts.book.refresh();
      if (trouble === null && this.#published !== this.#parts.book.book) {
        await this.publish();
        this.#parts.log.info({ active: this.#parts.book.book.active }, "the deployments were changed through another router");
      }
    } catch (error) {
      trouble = error instanceof Error ? error.message : String(error);
    }
    if (trouble !== null && trouble !== this.#trouble) {
      const message = "the deployments cannot be followed; what served goes on, and what other routers change is not seen";
      this.#parts.log.error({ detail: trouble }, message);
    } else if (trouble === null && this.#trouble !== null) this.#parts.log.info({}, "the deployments are followed again");
    this.#trouble = trouble;
  }

  async #activeDeployment(book: DeploymentBook, id: string, isServed: (type: string) => boolean): Promise<ActiveDeployment> {
    const manifest = await this.#parts.book.manifest(id);
    if (manifest === null) throw new Error(`the manifest of the active deployment ${id} is not in the directory`);
    const served = readManifest(manifest, this.#parts.policies);
    const url = book.deployments.find((deployment) => deployment.id === id)?.url ?? "";
    const { limits, encoding } = this.#parts.endpoints.of(url);
    this.#encodingById.set(id, served.encodings.includes(encoding) ? encoding : served.preferredEncoding);
    this.#typesById.set(id, served.types);
    return { id, types: served.types.filter(({ name }) => isServed(name)), limits };
  }
}
