/** How much is held for requests that are not answered yet: one count of bytes for all servers of the process. */
export class RequestBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts the bytes in any case; whether they were within the limit. */
  hold(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes <= this.#bytesMax;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}
