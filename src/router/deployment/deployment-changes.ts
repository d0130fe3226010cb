/**
 * The changes to what serves: each is one compare-and-swap of the book of deployments, and then told to everybody here. Other
 * routers follow the book.
 */
import type { EntityType } from "../../core/entity/entity-type.js";
import type { ClockPort } from "../../ports/clock.js";
import { type ActiveDeployments, BOOK_LOOK_EVERY_MS } from "./active-deployments.js";
import type { BookStore } from "./book-store.js";
import { type Canary, type CanaryWish, FAULTS_MAX_DEFAULT } from "./canary.js";
import { withCanary, withoutCanary } from "./canary-book.js";
import { type DeploymentBook, promoted, rolledBack, withoutDeployment } from "./deployment-book.js";
import type { Endpoints } from "./endpoints.js";
import { type OperatorPolicies, readManifest } from "./manifest-reader.js";
import type { RegistrationLog } from "./registration-log.js";
import {
  incompatible,
  notFound,
  type RegistrationOutcome,
  type RegistrationWarning,
  refused,
  viewOf,
} from "./registration-outcome.js";

export interface DeploymentChangesParts {
  readonly book: BookStore;
  readonly active: ActiveDeployments;
  readonly endpoints: Endpoints;
  readonly clock: ClockPort;
  /** What the operator sets for types. */
  readonly policies: OperatorPolicies;
  /** Names this router in what is recorded of its decisions. */
  readonly name: string;
  readonly log: RegistrationLog;
  /** Invocations of a deployment that are under way here. */
  openInvocations(deployment: string): number;
}

/** By then every router that can renew its lease has noticed that a deployment serves no longer: one look that failed included. */
const NOTICED_MS = 2 * BOOK_LOOK_EVERY_MS;

export class DeploymentChanges {
  readonly #parts: DeploymentChangesParts;

  constructor(parts: DeploymentChangesParts) {
    this.#parts = parts;
  }

  /** Begins or ends a canary of a registered deployment, or changes its terms. */
  async setCanary(id: string, wish: CanaryWish, force: boolean): Promise<RegistrationOutcome> {
    const types = await this.#registeredTypes(id);
    if (types === null) return notFound(id);
    return wish.weight === 0 ? this.#dropCanary(id) : this.startCanary(id, types, wish, force, (book) => book);
  }

  /** Makes a registered deployment serve its types, as it was registered. */
  async promote(id: string, force: boolean): Promise<RegistrationOutcome> {
    const types = await this.#registeredTypes(id);
    return types === null ? notFound(id) : this.serve(id, types, force, (book) => book);
  }

  /** Back to what was so before the last change, at once and unconditionally. */
  async rollback(): Promise<RegistrationOutcome> {
    let ended: string | null = null;
    const changed = await this.#parts.book.change((book) => {
      const before = rolledBack(book, this.#parts.clock.nowMs());
      if (before === null) return refused("nothing_to_roll_back", "nothing was active before");
      ended = book.canaries.length > before.canaries.length ? (before.canaryEnds.at(-1)?.deployment ?? null) : null;
      return { kind: "changed", book: before };
    });
    if (changed.kind !== "changed") return changed;
    await this.#parts.active.publish();
    this.#parts.log.warn({ active: changed.book.active, canary: ended }, "deployments rolled back");
    return { kind: "done", deployment: ended === null ? null : viewOf(this.#parts.book.book, ended), warnings: [] };
  }

  /**
   * Forgets a deployment that nothing needs any more, so that its endpoint may go. Invocations of it that run here are counted;
   * for those of other routers it has to rest so long that they have noticed, and what they had begun is over.
   */
  async remove(id: string): Promise<RegistrationOutcome> {
    const open = this.#parts.openInvocations(id);
    if (open > 0) return refused("deployment_in_use", `${id} is needed: ${open} of its invocations are under way`);
    const changed = await this.#parts.book.change((book) => {
      const url = book.deployments.find((deployment) => deployment.id === id)?.url ?? "";
      const restMs = NOTICED_MS + this.#parts.endpoints.of(url).limits.timeoutMs;
      const removal = withoutDeployment(book, id, this.#parts.clock.nowMs(), restMs);
      if (removal.kind === "missing") return notFound(id);
      if (removal.kind === "needed") return refused("deployment_in_use", `${id} is needed: ${removal.why}`);
      return { kind: "changed", book: removal.book };
    });
    if (changed.kind !== "changed") return changed;
    this.#parts.log.info({ deployment: id }, "deployment removed");
    return { kind: "done", deployment: null, warnings: [] };
  }

  /** Makes the deployment serve its types. `prepare` is given the book as it stands; null: it stays as it is. */
  async serve(
    id: string,
    types: readonly EntityType[],
    force: boolean,
    prepare: (book: DeploymentBook) => DeploymentBook | null,
    cause?: { readonly by: string; readonly why: string },
  ): Promise<RegistrationOutcome> {
    let warnings: readonly RegistrationWarning[] = [];
    const changed = await this.#parts.book.change((book) => {
      const prepared = prepare(book);
      if (prepared === null) return { kind: "changed", book };
      const promotion = promoted(prepared, id, types, force, this.#parts.clock.nowMs(), cause);
      if (promotion.kind === "refused") return incompatible(promotion.reasons);
      warnings = promotion.accepted;
      return { kind: "changed", book: promotion.book };
    });
    if (changed.kind !== "changed") return changed;
    await this.#parts.active.publish();
    const deployment = viewOf(this.#parts.book.book, id);
    this.#parts.log.info({ deployment, warnings }, "deployment serves its types");
    return { kind: "done", deployment, warnings };
  }

  /** Makes the deployment serve a share of the entities of its types, or changes its terms. */
  async startCanary(
    id: string,
    types: readonly EntityType[],
    wish: CanaryWish,
    force: boolean,
    prepare: (book: DeploymentBook) => DeploymentBook | null,
  ): Promise<RegistrationOutcome> {
    let warnings: readonly RegistrationWarning[] = [];
    const changed = await this.#parts.book.change((book) => {
      const prepared = prepare(book) ?? book;
      const stable = this.#parts.active.stableTypes(prepared);
      if (stable === null) return refused("deployments_contended", "what serves the types changed at this moment; try again");
      const former = prepared.canaries.find(({ deployment }) => deployment === id);
      const { weight, faultsMax = former?.faultsMax ?? FAULTS_MAX_DEFAULT, forMs = former?.forMs ?? null } = wish;
      const start = withCanary(prepared, id, types, stable, { weight, faultsMax, forMs }, force, this.#parts.clock.nowMs());
      if (start.kind === "impossible") return refused("canary_refused", `${id} cannot be a canary: ${start.why}`);
      if (start.kind === "incompatible") return incompatible(start.reasons);
      warnings = start.accepted;
      return { kind: "changed", book: start.book };
    });
    if (changed.kind !== "changed") return changed;
    await this.#parts.active.publish();
    const deployment = viewOf(this.#parts.book.book, id);
    this.#parts.log.info({ deployment, warnings }, "deployment serves a share of the entities of its types, as a canary");
    return { kind: "done", deployment, warnings };
  }

  /** As this router's judge said. Null: done, here or elsewhere; else why it could not be done. */
  endCanary(canary: Canary, decision: "rollBack" | "promote", why: string): Promise<string | null> {
    return decision === "rollBack" ? this.#rollBackCanary(canary, why) : this.#promoteCanary(canary, why);
  }

  /** As an operator asked. */
  async #dropCanary(id: string): Promise<RegistrationOutcome> {
    const changed = await this.#parts.book.change((book) => {
      const canary = book.canaries.find(({ deployment }) => deployment === id);
      if (canary === undefined) return refused("canary_refused", `${id} is no canary`);
      const ending = { how: "rolled_back", by: "operator", why: "asked for" } as const;
      return { kind: "changed", book: withoutCanary(book, canary, ending, this.#parts.clock.nowMs()) };
    });
    if (changed.kind !== "changed") return changed;
    await this.#parts.active.publish();
    this.#parts.log.warn({ deployment: id }, "the canary was rolled back");
    return { kind: "done", deployment: viewOf(this.#parts.book.book, id), warnings: [] };
  }

  async #rollBackCanary(canary: Canary, why: string): Promise<string | null> {
    const { clock, log, name: by } = this.#parts;
    let isMine = false;
    const changed = await this.#parts.book.change((book) => {
      isMine = isUnderWay(book, canary);
      if (!isMine) return { kind: "changed", book };
      return { kind: "changed", book: withoutCanary(book, canary, { how: "rolled_back", by, why }, clock.nowMs()) };
    });
    if (changed.kind !== "changed") return changed.detail;
    await this.#parts.active.publish();
    if (isMine) log.error({ canary, why }, "the canary was rolled back: the stable version serves all entities again");
    return null;
  }

  async #promoteCanary(canary: Canary, why: string): Promise<string | null> {
    const id = canary.deployment;
    const types = await this.#registeredTypes(id);
    if (types === null) return `the manifest of ${id} is not in the directory`;
    const prepare = (book: DeploymentBook): DeploymentBook | null => (isUnderWay(book, canary) ? book : null);
    const outcome = await this.serve(id, types, false, prepare, { by: this.#parts.name, why });
    return outcome.kind === "done" ? null : outcome.detail;
  }

  /** Null for a deployment that is not registered. */
  async #registeredTypes(id: string): Promise<readonly EntityType[] | null> {
    const manifest = await this.#parts.book.manifest(id);
    const isRegistered = this.#parts.book.book.deployments.some((deployment) => deployment.id === id);
    return isRegistered && manifest !== null ? readManifest(manifest, this.#parts.policies).types : null;
  }
}

/** Neither ended nor changed since it was looked at. */
function isUnderWay(book: DeploymentBook, canary: Canary): boolean {
  return book.canaries.some((one) => one.deployment === canary.deployment && one.changedAtMs === canary.changedAtMs);
}
