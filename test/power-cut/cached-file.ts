/** A file on a disk with a cache: what a process sees, what is durable, and the writes in between. */
import type { Counters } from "./counters.js";
import type { Random } from "./random.js";

type Unsynced =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly length: number };

const SECTOR = 512;

export class CachedFile {
  #seen: Buffer = Buffer.alloc(0);
  #durable: Buffer = Buffer.alloc(0);
  #unsynced: Unsynced[] = [];

  get length(): number {
    return this.#seen.length;
  }

  read(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.#seen.subarray(offset, offset + length));
  }

  append(bytes: Uint8Array): void {
    const write = { kind: "write", offset: this.#seen.length, bytes: bytes.slice() } as const;
    this.#unsynced.push(write);
    this.#seen = applied(this.#seen, write);
  }

  truncate(length: number): void {
    const cut = { kind: "truncate", length } as const;
    this.#unsynced.push(cut);
    this.#seen = applied(this.#seen, cut);
  }

  /** Changes a stored byte behind everybody's back. */
  damage(offset: number, mask: number): void {
    for (const bytes of [this.#seen, this.#durable]) bytes[offset] = (bytes[offset] as number) ^ mask;
  }

  sync(): void {
    for (const change of this.#unsynced.splice(0)) this.#durable = applied(this.#durable, change);
  }

  /**
   * A sync that fails and leaves the pages marked as clean: part of them is stored, the rest never will be, and the next
   * sync says that all is well. The cache goes on showing everything.
   */
  failSyncAndForget(random: Random): void {
    for (const change of this.#unsynced.splice(0)) {
      if (change.kind === "truncate") this.#durable = applied(this.#durable, change);
      else if (random.chance(0.3)) this.#durable = applied(this.#durable, change);
    }
  }

  /** The cache is lost. Each unsynced write is gone, stored, torn, or stored in some of its sectors only. */
  losePower(random: Random, counters: Counters): void {
    const style = random.pick(["nothing", "everything", "each", "each", "each"] as const);
    let isEarlierMissing = false;
    for (const change of this.#unsynced.splice(0)) {
      const survivors = style === "nothing" ? [] : style === "everything" ? [change] : survived(change, random, counters);
      const bytes = survivors.reduce((sum, part) => sum + (part.kind === "write" ? part.bytes.length : 0), 0);
      const isWhole = change.kind === "truncate" ? survivors.length > 0 : bytes === change.bytes.length;
      if (change.kind === "write") counters.add("cut: unsynced bytes vanished", change.bytes.length - bytes);
      if (survivors.length > 0 && isEarlierMissing) counters.add("cut: later bytes survived earlier ones");
      if (!isWhole) isEarlierMissing = true;
      for (const part of survivors) this.#durable = applied(this.#durable, part, random);
    }
    this.#seen = Buffer.from(this.#durable);
  }
}

function survived(change: Unsynced, random: Random, counters: Counters): Unsynced[] {
  if (change.kind === "truncate") return random.chance(0.5) ? [change] : [];
  const { offset, bytes } = change;
  switch (random.pick(["gone", "whole", "torn", "sectors"] as const)) {
    case "gone":
      return [];
    case "whole":
      return [change];
    case "torn": {
      counters.add("cut: writes torn at a byte");
      return [{ kind: "write", offset, bytes: bytes.subarray(0, random.below(bytes.length + 1)) }];
    }
    case "sectors": {
      const parts: Unsynced[] = [];
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + SECTOR - ((offset + at) % SECTOR));
        if (random.chance(0.5)) parts.push({ kind: "write", offset: offset + at, bytes: bytes.subarray(at, end) });
        at = end;
      }
      counters.add("cut: writes of which some sectors survived");
      return parts;
    }
  }
}

/** Bytes that nobody wrote are zero, or, after a power cut, whatever lay there. */
function applied(content: Buffer, change: Unsynced, random?: Random): Buffer {
  if (change.kind === "truncate") return Buffer.from(content.subarray(0, change.length));
  const length = Math.max(content.length, change.offset + change.bytes.length);
  const result = Buffer.alloc(length);
  if (random?.chance(0.3) && change.offset > content.length)
    result.set(random.bytes(change.offset - content.length), content.length);
  result.set(content);
  result.set(change.bytes, change.offset);
  return result;
}
