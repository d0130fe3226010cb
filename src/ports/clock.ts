/** Time and chance, so that tests own both. */
export interface ClockPort {
  /** Wall time in milliseconds since 1970. May jump. */
  nowMs(): number;
  /** Milliseconds that only grow, from an arbitrary start. */
  monotonicMs(): number;
  /** Resolves after the time, or when `signal` aborts (without an error). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `wake` once, after the time; the returned function cancels it. */
  after(ms: number, wake: () => void): () => void;
}

export interface EntropyPort {
  bytes(length: number): Uint8Array;
}
