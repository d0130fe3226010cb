/** Ends a switch over a tagged union: the compiler refuses a forgotten case, and a value that lies about its type throws. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** A broken invariant: whoever relied on it must stop, in production too. */
export class BrokenInvariant extends Error {
  override readonly name = "BrokenInvariant";
}

export function assert(holds: boolean, message: string): asserts holds {
  if (!holds) throw new BrokenInvariant(message);
}
