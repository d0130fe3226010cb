/**
 * Under which number a shard keeps the marks of a stream of messages. For a stream to the shard itself that is its source;
 * for one to a shard that it came from by a split, a number of both: the stream keeps its numbers, its target's id and its
 * marks, and each half consumes what is for its own entities (docs/decisions/splitting.md).
 *
 * Persisted in entries and bookkeeping: frozen.
 */

/** Ids of shards are below 2^17: those of all generations together are less than twice as many as shards may be. */
const SOURCE_SPACE = 2 ** 18;

/** `target`: the shard that the stream's messages name; `consumer`: the one that consumes them. */
export function streamSource(source: number, target: number, consumer: number): number {
  return target === consumer ? source : (target + 1) * SOURCE_SPACE + source;
}

/** What a number of `consumer` stands for. */
export function streamOf(number: number, consumer: number): { readonly source: number; readonly target: number } {
  if (number < SOURCE_SPACE) return { source: number, target: consumer };
  return { source: number % SOURCE_SPACE, target: Math.floor(number / SOURCE_SPACE) - 1 };
}

/** The number that a half of `parent` keeps the same stream under. */
export function inheritedSource(number: number, parent: number): number {
  return number < SOURCE_SPACE ? (parent + 1) * SOURCE_SPACE + number : number;
}
