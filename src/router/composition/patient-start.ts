/**
 * What a start needs of the store before the core can begin: that the tables answer, and what is registered. A store that does
 * not answer is waited for; what waiting does not mend (a table is missing, an action is denied) ends the start.
 */
import { mayPass } from "../../aws/first-answer.js";
import type { ClockPort } from "../../ports/clock.js";
import { DirectoryUnread } from "../deployment/book-store.js";
import type { RunnerLog } from "../driver/core-runner.js";
import type { Registration } from "../registration.js";
import type { Storage } from "./storage.js";

export interface PatientStartOptions {
  readonly storage: Pick<Storage, "silence">;
  readonly registration: Pick<Registration, "open">;
  readonly clock: ClockPort;
  readonly log: RunnerLog;
}

/** What is waited for. */
interface Silence {
  readonly code: string | undefined;
  readonly message: string;
}

const RETRY_FIRST_MS = 250;
/** One request each time, so that a store that comes back is noticed by a cluster of any size without being flooded. */
const RETRY_LAST_MS = 5_000;
/** What is waited for is said again after this time. */
const SAID_EVERY_MS = 10_000;

export class PatientStart {
  readonly #options: PatientStartOptions;
  readonly #stopping = new AbortController();
  #waiting: Promise<unknown> = Promise.resolve();

  constructor(options: PatientStartOptions) {
    this.#options = options;
  }

  /** Null: everything is there. Throws AwsProblem, BookProblem, DirectoryUnread: what waiting does not mend. */
  async attempt(): Promise<Silence | null> {
    try {
      const problem = await this.#options.storage.silence();
      if (problem !== null) return problem;
      await this.#options.registration.open();
      return null;
    } catch (error) {
      if (error instanceof DirectoryUnread && mayPass(error.code)) return error;
      throw error;
    }
  }

  /** Attempts on and on, and says so now and then, with `fields`. False: it was stopped. Throws as `attempt` does. */
  untilOpen(first: Silence, fields: object): Promise<boolean> {
    const waiting = this.#untilOpen(first, fields);
    this.#waiting = waiting.catch(() => undefined);
    return waiting;
  }

  /** Nothing is under way any more when it resolves. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#waiting;
  }

  async #untilOpen(first: Silence, fields: object): Promise<boolean> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    const sinceMs = clock.monotonicMs();
    let silence: Silence | null = first;
    let saidAtMs = -Infinity;
    for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(waitMs * 2, RETRY_LAST_MS)) {
      const nowMs = clock.monotonicMs();
      if (nowMs - saidAtMs >= SAID_EVERY_MS) {
        saidAtMs = nowMs;
        const { code, message: detail } = silence;
        log.warn({ ...fields, code, detail, waitedMs: Math.round(nowMs - sinceMs) }, "the start waits for the store to answer");
      }
      await clock.sleep(waitMs, signal);
      if (signal.aborted) return false;
      silence = await this.attempt();
      if (silence !== null) continue;
      log.info({ waitedMs: Math.round(clock.monotonicMs() - sinceMs) }, "the store answers; the start goes on");
      return !signal.aborted;
    }
  }
}
