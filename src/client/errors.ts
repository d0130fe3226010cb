/** What a call may throw: what the router or the function said no to, and what became of the way there. */

/** Who said it: the function's code, the router, or the client itself (no answer came). */
export type ErrorSource = "function" | "router" | "client";

export interface HoldfastErrorOptions {
  readonly code: string;
  readonly retryable: boolean;
  readonly status: number | null;
  readonly source: ErrorSource;
  readonly details?: unknown;
  readonly commandId?: string | null;
  readonly idempotencyKey?: string | null;
  readonly retryAfterMs?: number | null;
  readonly cause?: unknown;
}

/** A call that was not answered with a reply. Whether it took effect, `code` says: after `outcome_unknown`, `timeout` and `network` it may have. */
export class HoldfastError extends Error {
  override readonly name: string = "HoldfastError";
  /** Stable; explained in docs/errors.md. The client's own: `timeout`, `aborted`, `network`, `bad_answer`. */
  readonly code: string;
  /** True: the same call may do better later. Use the same `idempotencyKey`. */
  readonly retryable: boolean;
  /** The HTTP status; null where no answer came. */
  readonly status: number | null;
  readonly source: ErrorSource;
  /** What else the problem document says, or a refusal's details. */
  readonly details: unknown;
  readonly commandId: string | null;
  /** The key the call went out with: the same call with it takes effect once. */
  readonly idempotencyKey: string | null;
  readonly retryAfterMs: number | null;

  constructor(message: string, options: HoldfastErrorOptions) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.retryable = options.retryable;
    this.status = options.status;
    this.source = options.source;
    this.details = options.details;
    this.commandId = options.commandId ?? null;
    this.idempotencyKey = options.idempotencyKey ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/**
 * The function refused the command: a business "no", with the function's own `code` and `details`. Nothing happened, and the
 * same command would be refused again. `invalid_input`: `details` is a list of `{path, message}`.
 */
export class RefusedError extends HoldfastError {
  override readonly name: string = "RefusedError";
}
