/**
 * The main thread's end of a write thread. Requests queue here in order, one is under way. Bytes go through a shared
 * buffer: one copy, nothing allocated, and an append with its sync is one message there and one back.
 */
import { Worker } from "node:worker_threads";
import { FileProblem } from "../ports/files.js";
import type { WriteReply, WriteRequest } from "./write-request.js";

/** Larger appends take several round trips. Large enough for any group of records that forms while one sync runs. */
const SHARED_BYTES = 1024 * 1024;

interface Waiting {
  readonly path: string;
  /** For an append: made when its bytes are in the shared buffer. */
  readonly request: WriteRequest | Append;
  readonly resolve: (value: number) => void;
  readonly reject: (problem: FileProblem) => void;
}

interface Append {
  readonly kind: "appendChunks";
  readonly descriptor: number;
  readonly chunks: readonly Uint8Array[];
  readonly isSynced: boolean;
  /** How far the earlier round trips came: the chunk, and the offset in it. */
  chunk: number;
  offset: number;
}

export class WriteThread {
  readonly #worker: Worker;
  readonly #shared = new Uint8Array(new SharedArrayBuffer(SHARED_BYTES));
  readonly #waiting: Waiting[] = [];
  #current: Waiting | null = null;
  #whyDead: string | null = null;

  constructor(worker: URL = new URL("./write-worker.js", import.meta.url)) {
    this.#worker = new Worker(worker, {
      workerData: { shared: this.#shared.buffer },
      name: "holdfast-write",
      // Flags of the parent process (test runners, inspectors) have no business in this thread.
      execArgv: [],
    });
    this.#worker.on("message", (reply: WriteReply) => this.#take(reply));
    this.#worker.on("error", (error) => this.#die(`the write thread failed: ${String(error)}`));
    this.#worker.on("exit", () => this.#die("the write thread has ended"));
    this.#worker.unref();
  }

  ask(path: string, request: WriteRequest): Promise<number> {
    return this.#queue(path, request);
  }

  append(path: string, descriptor: number, chunks: readonly Uint8Array[], isSynced: boolean): Promise<number> {
    return this.#queue(path, { kind: "appendChunks", descriptor, chunks, isSynced, chunk: 0, offset: 0 });
  }

  /** Lets the requests that are queued finish, and ends the thread. */
  async close(): Promise<void> {
    while (this.#current !== null) {
      await new Promise<void>((resolve) => this.#waiting.push({ ...NOTHING, resolve: () => resolve(), reject: () => resolve() }));
    }
    this.#die("the files are closed");
    await this.#worker.terminate();
  }

  #queue(path: string, request: WriteRequest | Append): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#whyDead !== null) return reject(new FileProblem("failed", path, this.#whyDead));
      const waiting = { path, request, resolve, reject };
      if (this.#current !== null) this.#waiting.push(waiting);
      else {
        this.#worker.ref();
        this.#send(waiting);
      }
    });
  }

  #send(waiting: Waiting): void {
    this.#current = waiting;
    const { request } = waiting;
    this.#worker.postMessage(request.kind === "appendChunks" ? this.#fill(request) : request);
  }

  /** Copies the next bytes of an append into the shared buffer. Only the last part is synced. */
  #fill(append: Append): WriteRequest {
    const { chunks, descriptor } = append;
    let length = 0;
    while (append.chunk < chunks.length) {
      const chunk = chunks[append.chunk] as Uint8Array;
      const part = chunk.subarray(append.offset, append.offset + SHARED_BYTES - length);
      this.#shared.set(part, length);
      length += part.length;
      append.offset += part.length;
      if (append.offset < chunk.length) break;
      append.chunk++;
      append.offset = 0;
    }
    return { kind: "append", descriptor, length, isSynced: append.isSynced && append.chunk === chunks.length };
  }

  #take(reply: WriteReply): void {
    const waiting = this.#current;
    if (waiting === null) return;
    const { request, path } = waiting;
    if (reply.kind === "done" && request.kind === "appendChunks" && request.chunk < request.chunks.length) {
      this.#send(waiting);
      return;
    }
    this.#next();
    if (reply.kind === "done") waiting.resolve(reply.value);
    else waiting.reject(new FileProblem(reply.isSync ? "failed" : kindOfErrno(reply.code), path, reply.message));
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#current = null;
      this.#worker.unref();
    } else this.#send(next);
  }

  #die(why: string): void {
    if (this.#whyDead !== null) return;
    this.#whyDead = why;
    const lost = this.#current === null ? this.#waiting : [this.#current, ...this.#waiting];
    this.#current = null;
    for (const { path, reject } of lost.splice(0)) reject(new FileProblem("failed", path, why));
    this.#waiting.length = 0;
  }
}

/** A request that changes nothing, to wait for those in front of it. */
const NOTHING = {
  path: "",
  request: { kind: "appendChunks", descriptor: -1, chunks: [], isSynced: false, chunk: 0, offset: 0 },
} as const satisfies Pick<Waiting, "path" | "request">;

export function kindOfErrno(code: string | undefined): FileProblem["kind"] {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return "full";
    case "EACCES":
    case "EPERM":
    case "EROFS":
    case "ENOTDIR":
      return "denied";
    default:
      return "failed";
  }
}
