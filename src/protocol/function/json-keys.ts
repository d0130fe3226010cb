/** The names of the contract's own fields in answers, recognised in the bytes without making a string of them. */

const NAMES = [
  "n",
  "state",
  "outcomes",
  "reply",
  "refusal",
  "fault",
  "skipped",
  "needsState",
  "events",
  "effects",
  "name",
  "version",
  "data",
  "send",
  "cancel",
  "egress",
  "to",
  "type",
  "id",
  "command",
  "input",
  "replyTo",
  "handler",
  "context",
  "afterMs",
  "timer",
  "code",
  "message",
  "details",
  "holdfast",
  "invocation",
  "entities",
  "end",
] as const;

export type KeyName = (typeof NAMES)[number];

/** A field's number, by its name. */
export const KEY = Object.fromEntries(NAMES.map((name, index) => [name, index])) as { readonly [Name in KeyName]: number };

/** Any field that the contract does not know. */
export const UNKNOWN_KEY = -1;

export function keyName(key: number): string {
  return NAMES[key] ?? "?";
}

export function keyOfText(text: string): number {
  return (NAMES as readonly string[]).indexOf(text);
}

// Keys by length and first character: at most two names share a slot.
const SLOTS = 256;
const slots: number[][] = Array.from({ length: SLOTS }, () => []);
const nameBytes: readonly Uint8Array[] = NAMES.map((name) => Uint8Array.from(name, (character) => character.charCodeAt(0)));
for (const [key, bytes] of nameBytes.entries()) (slots[slotOf(bytes, 0, bytes.length)] as number[]).push(key);

/** The field whose name lies between two offsets, without escapes. */
export function keyOfBytes(bytes: Uint8Array, from: number, to: number): number {
  if (to === from) return UNKNOWN_KEY;
  const candidates = slots[slotOf(bytes, from, to)] as number[];
  for (let index = 0; index < candidates.length; index++) {
    const key = candidates[index] as number;
    if (isEqual(nameBytes[key] as Uint8Array, bytes, from, to)) return key;
  }
  return UNKNOWN_KEY;
}

function slotOf(bytes: Uint8Array, from: number, to: number): number {
  return ((bytes[from] as number) * 7 + (to - from) * 37) & (SLOTS - 1);
}

function isEqual(name: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let index = 0; index < name.length; index++) if (name[index] !== bytes[from + index]) return false;
  return true;
}
