/**
 * What every entity of the simulated business keeps: a book with one line for each change, and a chain over all lines. Who
 * sees (n, chain) of a book has seen exactly its first n lines: checkers compare every such sight with the final book.
 */
export interface Line {
  /** The token of the command that wrote it: unique over everything that is ever asked. */
  readonly t: string;
  readonly k: string;
  readonly a?: string;
  readonly v?: number;
  /** Tokens of what was sent with it. */
  readonly e?: readonly string[];
}

export interface Book {
  n: number;
  chain: number;
  readonly log: Line[];
  readonly x: Record<string, number | string>;
}

/** One sight of a book. */
export interface Sight {
  readonly n: number;
  readonly chain: number;
}

export function emptyBook(): Book {
  return { n: 0, chain: 0, log: [], x: {} };
}

export function nextChain(chain: number, line: Line): number {
  const text = JSON.stringify(line);
  let hash = Math.imul(chain ^ 0x811c9dc5, 0x01000193);
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

export const encoder = new TextEncoder();
export const decoder = new TextDecoder();

export function bytesOf(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

export function parsed<Value>(bytes: Uint8Array): Value {
  return JSON.parse(decoder.decode(bytes)) as Value;
}

export function bookOf(bytes: Uint8Array | null): Book {
  return bytes === null ? emptyBook() : parsed<Book>(bytes);
}
