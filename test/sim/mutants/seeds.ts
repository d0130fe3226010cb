/**
 * `node seeds.js LIMIT TEMPER [SEED...]`: simulates these seeds, or of 1, 2, 3 and so on those of the temper (`any`: all), until
 * one shows a violation or it has used LIMIT ms of processor time: a busy machine decides nothing. Tells its parent of each.
 */
import { temperOf } from "../seed-shape.js";
import { simulate } from "../simulation.js";

/** What a run of seeds tells: the seed it begins, and in the end what it found. */
export type SeedsMessage =
  | { readonly kind: "begins"; readonly seed: number }
  | { readonly kind: "violated"; readonly seed: number; readonly message: string; readonly cpuMs: number }
  | { readonly kind: "held" };

const [limit, temper = "any", ...rest] = process.argv.slice(2);
const limitMs = Number(limit);
const given = rest.map(Number);
const seeds = given.length > 0 ? given.values() : upward();
const found = firstViolation();
process.send?.(found, undefined, undefined, () => process.exit(0));

function firstViolation(): SeedsMessage {
  for (const seed of seeds) {
    process.send?.({ kind: "begins", seed } satisfies SeedsMessage);
    const message = simulate(seed).violations[0];
    const cpuMs = usedMs();
    if (message !== undefined) return { kind: "violated", seed, message, cpuMs };
    if (cpuMs > limitMs) break;
  }
  return { kind: "held" };
}

function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function* upward(): Generator<number> {
  for (let seed = 1; ; seed++) if (temper === "any" || temperOf(seed) === temper) yield seed;
}
