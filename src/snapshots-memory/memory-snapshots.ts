/** The snapshot port in memory, for tests, simulation and embedding without a disk. Nothing survives the process. */
import {
  OBJECT_NAME,
  type ObjectListOutcome,
  type ObjectReadOutcome,
  type ObjectWriter,
  type SnapshotPort,
  type WriteOutcome,
} from "../ports/snapshots.js";

export class MemorySnapshots implements SnapshotPort {
  readonly #bytesByName = new Map<string, Uint8Array>();
  #isClosed = false;

  create(name: string): ObjectWriter {
    checkName(name);
    const chunks: Uint8Array[] = [];
    let state: "open" | "ended" = "open";
    return {
      write: async (chunk) => {
        if (state === "open") chunks.push(chunk.slice());
      },
      finish: async () => {
        if (state === "ended") return refused("this write has ended");
        state = "ended";
        return this.#finish(name, chunks);
      },
      abort: async () => {
        state = "ended";
        chunks.length = 0;
      },
    };
  }

  async read(name: string, offset: number, length: number): Promise<ObjectReadOutcome> {
    checkName(name);
    if (this.#isClosed) return { kind: "failed", message: CLOSED };
    const bytes = this.#bytesByName.get(name);
    return bytes === undefined ? { kind: "absent" } : { kind: "found", bytes: bytes.slice(offset, offset + length) };
  }

  async delete(name: string): Promise<WriteOutcome> {
    checkName(name);
    if (this.#isClosed) return refused(CLOSED);
    this.#bytesByName.delete(name);
    return { kind: "happened" };
  }

  async list(prefix: string): Promise<ObjectListOutcome> {
    if (this.#isClosed) return { kind: "failed", message: CLOSED };
    return { kind: "listed", names: [...this.#bytesByName.keys()].filter((name) => name.startsWith(prefix)).sort() };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #finish(name: string, chunks: readonly Uint8Array[]): WriteOutcome {
    if (this.#isClosed) return refused(CLOSED);
    if (this.#bytesByName.has(name)) return refused(`the object ${name} exists`);
    const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    this.#bytesByName.set(name, bytes);
    return { kind: "happened" };
  }
}

const CLOSED = "the snapshots are closed";

function refused(message: string): WriteOutcome {
  return { kind: "refused", message };
}

function checkName(name: string): void {
  if (!OBJECT_NAME.test(name)) throw new RangeError(`not a name of an object: ${JSON.stringify(name)}`);
}
