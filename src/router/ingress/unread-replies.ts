/** Replies that their clients do not read: each holds its bytes, so none may for ever. Swept, not timed one by one. */
import type { ServerResponse } from "node:http";

export class UnreadReplies {
  readonly #unread = new Map<ServerResponse, number>();
  readonly #sweep: NodeJS.Timeout;
  readonly #unreadMs: number;

  constructor(unreadMs: number) {
    this.#unreadMs = unreadMs;
    this.#sweep = setInterval(() => this.#cut(), Math.max(100, unreadMs / 10));
    this.#sweep.unref();
  }

  get size(): number {
    return this.#unread.size;
  }

  /** Called when a reply was written; most have left for the operating system by then. */
  watch(response: ServerResponse): void {
    if (response.writableFinished || response.socket === null || response.socket.writableLength === 0) return;
    this.#unread.set(response, performance.now());
    response.once("close", () => this.#unread.delete(response));
  }

  stop(): void {
    clearInterval(this.#sweep);
  }

  #cut(): void {
    const now = performance.now();
    for (const [response, sinceMs] of this.#unread) if (now - sinceMs > this.#unreadMs) response.destroy();
  }
}
