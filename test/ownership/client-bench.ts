/** A directory client over plain storage: every ask is performed and answered until nothing is left to do. */
import type { Effect } from "../../src/core/effect.js";
import type { Input } from "../../src/core/input.js";
import { DirectoryClient } from "../../src/core/ownership/directory-client.js";
import { Storage } from "./storage.js";

const STEPS_MAX = 5_000;

export class ClientBench {
  readonly storage: Storage;
  readonly effects: Effect[] = [];
  readonly refusals: { readonly code: string; readonly message: string }[] = [];
  readonly client: DirectoryClient;
  nowMs = 0;
  #tokens = 0;
  #nonces = 100;

  constructor(storage: Storage = new Storage()) {
    this.storage = storage;
    this.client = new DirectoryClient(this.effects, (code, message) => this.refuse(code, message));
  }

  refuse(code: string, message: string): void {
    this.refusals.push({ code, message });
  }

  nextToken(): string {
    return `own${++this.#tokens}`;
  }

  nextNonce(): Uint8Array {
    return new Uint8Array(12).fill(++this.#nonces);
  }

  /** Performs and reports everything, waits included. */
  settle(): void {
    for (let step = 0; step < STEPS_MAX; step++) {
      const effect = this.effects.shift();
      if (effect !== undefined) {
        const input = this.storage.perform(effect);
        if (input !== null) this.report(input);
        continue;
      }
      if (this.client.wakeAtMs === null) return;
      this.nowMs = this.client.wakeAtMs;
      this.client.wake(this.nowMs);
    }
    throw new Error("it does not come to an end");
  }

  report(input: Input): void {
    if (input.kind === "documentRead") this.client.documentRead(input.key, input.outcome);
    else if (input.kind === "documentsListed") this.client.documentsListed(input.prefix, input.outcome);
    else if (input.kind === "documentSwapped") this.client.documentSwapped(input.key, input.token, input.outcome);
    else if (input.kind === "recordsRead") this.client.recordsRead(input.log, input.position, input.outcome);
    else if (input.kind === "valueRead") this.client.valueRead(input.object, input.result);
    else if (input.kind === "appendEnded") this.client.appendEnded(input.log, input.position, input.outcome);
  }
}
