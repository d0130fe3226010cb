/** Writes a frozen table as a segment, chunk by chunk. The table must not change meanwhile. */
import type { OrderPlace } from "./key-order.js";
import type { SegmentIdentity } from "./segment-format.js";
import type { SegmentReference } from "./segment-reference.js";
import type { SegmentTools } from "./segment-tools.js";
import { SegmentWriter } from "./segment-writer.js";
import type { SlabTable } from "./slab-table.js";
import type { ChunkSource } from "./store-io.js";
import { NO_BYTES } from "./version-fold.js";

/** Small entries end a pull before the bytes do: about half a millisecond. */
const ENTRIES_PER_PULL = 1024;

export class FlushSource implements ChunkSource {
  readonly #table: SlabTable;
  readonly #writer: SegmentWriter;
  readonly #place: OrderPlace;
  #isWritten = false;

  constructor(table: SlabTable, identity: SegmentIdentity, tools: SegmentTools, isDeflated: boolean) {
    this.#table = table;
    this.#writer = new SegmentWriter(identity, 0, tools, isDeflated);
    this.#place = table.order.first();
  }

  /** Null before the last chunk was pulled. */
  get reference(): SegmentReference | null {
    return this.#writer.reference;
  }

  /** Index, filter and footer as they were written; null before the last chunk was pulled. */
  get tail(): Uint8Array | null {
    return this.#writer.tail;
  }

  next(): Uint8Array | null {
    const table = this.#table;
    const writer = this.#writer;
    for (let entries = 0; entries < ENTRIES_PER_PULL && !this.#isWritten && !writer.isChunkReady; entries++) {
      const location = table.order.next(this.#place);
      if (location === 0) this.#isWritten = true;
      else {
        writer.add(table.keyAt(location), table.flagsAt(location), table.expiresAtMsAt(location), table.valueAt(location));
      }
    }
    const chunk = writer.takeChunk();
    if (chunk !== null) return chunk;
    return this.#isWritten ? writer.takeRest() : NO_BYTES;
  }
}
