/** A canary: a registered version that serves a share of the entities of its types, and how it ended. */

export interface CanaryTerms {
  /** Ten-thousandths of the entities. */
  readonly weight: number;
  /** Ten-thousandths of the commands that may fault beyond those of the stable version. */
  readonly faultsMax: number;
  /** Promoted after this time if all went well; null: never by itself. */
  readonly forMs: number | null;
}

/** What is not said stays as it is, or has its default. A weight of 0 ends the canary. */
export type CanaryWish = Partial<CanaryTerms> & Pick<CanaryTerms, "weight">;

export interface Canary extends CanaryTerms {
  readonly deployment: string;
  /** Those that it serves a share of. Types that nobody served before wait for its promotion. */
  readonly types: readonly string[];
  readonly startedAtMs: number;
  /** Since when it has these terms. */
  readonly changedAtMs: number;
}

export interface CanaryEnding {
  readonly how: "promoted" | "rolled_back" | "superseded";
  /** `operator`, or the router that decided. */
  readonly by: string;
  readonly why: string;
}

export interface CanaryEnd extends CanaryEnding {
  readonly deployment: string;
  readonly weight: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** Allowed beyond the stable version's faults unless told otherwise. */
export const FAULTS_MAX_DEFAULT = 200;
/** So many ends are remembered; older ones are in the routers' logs alone. */
const ENDS_MAX = 20;

export function withEnd(
  ends: readonly CanaryEnd[],
  { deployment, weight, startedAtMs }: Canary,
  end: CanaryEnding,
  endedAtMs: number,
): readonly CanaryEnd[] {
  return [...ends, { deployment, weight, startedAtMs, endedAtMs, ...end }].slice(-ENDS_MAX);
}
