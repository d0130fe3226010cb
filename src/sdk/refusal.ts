/** Refusals: a command's "no" as business sees it. Thrown, because only `throw` narrows types behind it. */

/** The code of a refusal that says the input does not fit its schema; `details` is then a list of `{path, message}`. */
export const INVALID_INPUT = "invalid_input";

const BRAND = Symbol.for("holdfast.refusal");
const CODE_LENGTH_MAX = 128;

/** A command's refusal: goes to its caller, leaves no effect, is not retried. Made by `refuse`. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  /** Any JSON value, or undefined. */
  readonly details: unknown;

  constructor(code: string, message: string, details: unknown) {
    super(message);
    this.code = code;
    this.details = details;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Refuses the command: `throw refuse("cart_closed", "this cart is being paid")`. Nothing the command did before stays: no event,
 * no message, no state. The caller gets `code` (stable, at most 128 characters), `message` (for people) and `details` (JSON).
 */
export function refuse(code: string, message: string, details?: unknown): Refusal {
  if (code === "" || code.length > CODE_LENGTH_MAX)
    throw new RangeError(`the code of a refusal has 1 to ${CODE_LENGTH_MAX} characters`);
  return new Refusal(code, message, details);
}

/** True for refusals of any copy of this package: a bundle may hold two. */
export function isRefusal(thrown: unknown): thrown is Refusal {
  return thrown instanceof Error && BRAND in thrown;
}
