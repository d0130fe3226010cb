/** The directory of src/ports/directory.ts under faults. `onSwap` sees every document that comes to stand. */
import type { DocumentFound, DocumentsFound, SwapEnded } from "../../src/core/input.js";
import type { Caller, Disk } from "./disk.js";

interface Document {
  readonly token: string;
  readonly body: Uint8Array;
}

export class SimDirectory {
  readonly #disk: Disk;
  readonly #documents = new Map<string, Document>();
  readonly #stood = new Set<string>();
  readonly #onSwap: (key: string, body: Uint8Array) => void;

  constructor(disk: Disk, onSwap: (key: string, body: Uint8Array) => void) {
    this.#disk = disk;
    this.#onSwap = onSwap;
  }

  get documents(): ReadonlyMap<string, Document> {
    return this.#documents;
  }

  /** Whether the document of that token stands there, or ever did. */
  hasStood(token: string): boolean {
    return this.#stood.has(token);
  }

  read(caller: Caller, key: string, report: (outcome: DocumentFound) => void): void {
    const isFailed = caller.isCutOff || this.#isReadFailed();
    const look = (): DocumentFound => {
      if (isFailed) return { kind: "failed", message: "simulated" };
      const document = this.#documents.get(key);
      return document === undefined ? { kind: "absent" } : { kind: "found", document };
    };
    this.#disk.read(caller, look, report);
  }

  list(caller: Caller, prefix: string, report: (outcome: DocumentsFound) => void): void {
    const isFailed = caller.isCutOff || this.#isReadFailed();
    const look = (): DocumentsFound => {
      if (isFailed) return { kind: "failed", message: "simulated" };
      const keys = [...this.#documents.keys()].filter((key) => key.startsWith(prefix)).sort();
      return { kind: "listed", documents: keys.map((key) => ({ key, document: this.#documents.get(key) as Document })) };
    };
    this.#disk.read(caller, look, report);
  }

  swap(caller: Caller, key: string, expected: string | null, document: Document, report: (outcome: SwapEnded) => void): void {
    const disk = this.#disk;
    const fate = disk.fateOf(disk.mix.directory, "swap");
    disk.write(
      caller,
      "swap",
      fate,
      (): SwapEnded => {
        if ((this.#documents.get(key)?.token ?? null) !== expected) return { kind: "conflict" };
        this.#documents.set(key, document);
        this.#stood.add(document.token);
        disk.world.count("landed.swap");
        this.#onSwap(key, document.body);
        return { kind: "happened" };
      },
      (outcome) => report(outcome ?? { kind: "unknown", message: "simulated" }),
    );
  }

  remove(caller: Caller, key: string, expected: string): void {
    const disk = this.#disk;
    const fate = disk.fateOf(disk.mix.directory, "remove");
    const land = (): void => {
      if (this.#documents.get(key)?.token === expected) this.#documents.delete(key);
    };
    disk.write(caller, "remove", fate, land, () => undefined);
  }

  /** By an operator, while no router runs. */
  put(key: string, document: Document): void {
    this.#documents.set(key, document);
    this.#onSwap(key, document.body);
  }

  #isReadFailed(): boolean {
    const isFailed = this.#disk.random.chance(this.#disk.mix.directory.readFailed);
    if (isFailed) this.#disk.world.count("fault.readDocument.failed");
    return isFailed;
  }
}
