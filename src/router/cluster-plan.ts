/** What operators decide about placement: changes the plan in the directory, which every router reads with each beat. */
import { type DocumentCodec, NO_PLAN, PLAN_KEY, type PlanDocument } from "../core/ownership/documents.js";
import type { EntropyPort } from "../ports/clock.js";
import type { DirectoryPort } from "../ports/directory.js";

export interface ClusterPlanOptions {
  readonly directory: DirectoryPort;
  readonly codec: DocumentCodec;
  readonly entropy: EntropyPort;
  /** Null until the router has joined its cluster. */
  clusterId(): Uint8Array | null;
  /** The plan is another one now. */
  changed?(): void;
}

export type PlanChange =
  | { readonly kind: "changed"; readonly plan: PlanDocument }
  /** It is not what was decided upon any more. */
  | { readonly kind: "outrun"; readonly plan: PlanDocument }
  | { readonly kind: "failed"; readonly message: string };

/** Somebody else changes it at the same time, again and again. */
const TRIES_MAX = 10;

export class ClusterPlan {
  readonly #options: ClusterPlanOptions;

  constructor(options: ClusterPlanOptions) {
    this.#options = options;
  }

  /** The node of that address owns nothing, as long as others can; or it takes its share again. */
  drain(address: string, isDrained: boolean): Promise<PlanChange> {
    return this.#change((plan) => {
      const others = plan.drained.filter((drained) => drained !== address);
      return { ...plan, drained: isDrained ? [...others, address] : others };
    });
  }

  /** The shard lies on the node of that address, as long as it lives; null: where it falls by itself. */
  move(shard: number, address: string | null): Promise<PlanChange> {
    return this.#change((plan) => {
      const others = plan.placed.filter(([placed]) => placed !== shard);
      return { ...plan, placed: address === null ? others : [...others, [shard, address] as const] };
    });
  }

  /** Every shard is halved. `splits`: how often that was asked for before; somebody else may have done so meanwhile. */
  split(splits: number): Promise<PlanChange> {
    return this.#change((plan) => ((plan.splits ?? 0) === splits ? { ...plan, splits: splits + 1 } : null));
  }

  async #change(decide: (plan: PlanDocument) => PlanDocument | null): Promise<PlanChange> {
    const { directory, codec, entropy } = this.#options;
    const clusterId = this.#options.clusterId();
    if (clusterId === null) return { kind: "failed", message: "the router has not joined its cluster yet" };
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const read = await directory.read(PLAN_KEY);
      if (read.kind === "failed") return { kind: "failed", message: read.message };
      const standing = read.kind === "found" ? read.document : null;
      const known = standing === null ? NO_PLAN : codec.decodePlan(standing.body, clusterId);
      const plan = decide(known);
      if (plan === null) return { kind: "outrun", plan: known };
      const token = Buffer.from(entropy.bytes(12)).toString("base64url");
      const swapped = await directory.swap(PLAN_KEY, standing?.token ?? null, { token, body: codec.encodePlan(plan, clusterId) });
      // After `unknown`, too, what stands there decides: deciding again on it changes nothing that is so already.
      if (swapped.kind !== "happened") continue;
      this.#options.changed?.();
      return { kind: "changed", plan };
    }
    return { kind: "failed", message: "the plan changed at the same time, again and again" };
  }
}
