/** Names of segments: they say whose an object is, so that only those delete it who may (RULES.md 11). */
export const SEGMENT_PREFIX = "segments/";

/** `segments/<shard>/<epoch>-<unique>`. */
export function segmentName(shard: number, epoch: number, unique: string): string {
  return `${SEGMENT_PREFIX}${shard}/${epoch}-${unique}`;
}

/** The shard that has made an object, and its epoch then; null: it is no segment. */
export function makerOf(object: string): { readonly shard: number; readonly epoch: number } | null {
  const match = NAME.exec(object);
  return match === null ? null : { shard: Number(match[1]), epoch: Number(match[2]) };
}

const NAME = /^segments\/(\d+)\/(\d+)-/;
