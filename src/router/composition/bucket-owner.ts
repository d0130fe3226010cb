/**
 * Whose objects lie under a prefix of a bucket. A cluster deletes what none of its own documents names, so two of them under
 * one prefix would delete one another's segments. The first one that starts there writes its id into an object (a persisted
 * format, docs/formats.md), once; another one reads it and ends, long before its first sweep.
 */
import type { ClockPort } from "../../ports/clock.js";
import type { SnapshotPort } from "../../ports/snapshots.js";

const OBJECT = "owner";
const BYTES = 32;

export interface BucketOwnerOptions {
  readonly snapshots: SnapshotPort;
  readonly clock: ClockPort;
  /** Null: there is none any more. */
  clusterId(): Uint8Array | null;
  /** What lies under the prefix is another cluster's. */
  foreign(message: string): void;
}

/** The bucket may be out of reach: so are the objects that a sweep would delete. */
const RETRY_MS = 5_000;

export class BucketOwner {
  readonly #options: BucketOwnerOptions;
  readonly #stopping = new AbortController();
  #looking: Promise<void> = Promise.resolve();

  constructor(options: BucketOwnerOptions) {
    this.#options = options;
  }

  /** Once the router has started: looks, and writes where there is nothing, until one of both was answered. */
  claim(started: Promise<void>): void {
    this.#looking = started.then(async () => {
      const clusterId = this.#options.clusterId();
      if (clusterId !== null) await this.#claim(Buffer.from(clusterId).toString("hex"));
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#looking;
  }

  async #claim(id: string): Promise<void> {
    const { snapshots, clock, foreign } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const read = await snapshots.read(OBJECT, 0, BYTES);
      if (read.kind === "found") {
        const owner = Buffer.from(read.bytes).toString("latin1");
        if (owner !== id) foreign(`object '${OBJECT}' says that it is of the cluster with the id ${owner}; this one's is ${id}`);
        return;
      }
      // Where it has not happened for certain, the next look tells.
      if (read.kind === "absent" && !signal.aborted) {
        const writer = snapshots.create(OBJECT);
        await writer.write(Buffer.from(id, "latin1"));
        if ((await writer.finish()).kind === "happened") return;
      }
      await clock.sleep(RETRY_MS, signal);
    }
  }
}
