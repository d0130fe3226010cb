/** `node seeds.js`: simulates the seeds that come as messages, or 1, 2, 3 and so on, until one shows a violation. Tells its parent of each. */
import { simulate } from "../simulation.js";

/** What a run of seeds tells: the seed it begins, and in the end what it found. */
export type SeedsMessage =
  | { readonly kind: "begins"; readonly seed: number }
  | { readonly kind: "violated"; readonly seed: number; readonly message: string }
  | { readonly kind: "held" };

const given = process.argv.slice(2).map(Number);
const seeds = given.length > 0 ? given.values() : upward();
const found = firstViolation();
process.send?.(found, undefined, undefined, () => process.exit(0));

function firstViolation(): SeedsMessage {
  for (const seed of seeds) {
    process.send?.({ kind: "begins", seed } satisfies SeedsMessage);
    const message = simulate(seed).violations[0];
    if (message !== undefined) return { kind: "violated", seed, message };
  }
  return { kind: "held" };
}

function* upward(): Generator<number> {
  for (let seed = 1; ; seed++) yield seed;
}
