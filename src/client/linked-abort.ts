/**
 * A controller that aborts when another signal does, until it is released. In place of `AbortSignal.any`, whose signals Node 20
 * may collect while they are the only way from one abort to the next.
 */
export interface LinkedAbort {
  readonly controller: AbortController;
  /** The other signal is not listened to any more. */
  release(): void;
}

export function linkedAbort(other: AbortSignal | undefined): LinkedAbort {
  const controller = new AbortController();
  if (other === undefined) return { controller, release: () => undefined };
  const abort = (): void => controller.abort(other.reason);
  if (other.aborted) abort();
  else other.addEventListener("abort", abort, { once: true });
  return { controller, release: () => other.removeEventListener("abort", abort) };
}
