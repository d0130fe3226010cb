/**
 * Where each record of a log lies: position -> (file, offset, length), in 12 bytes a record instead of an object each.
 * Pages of positions, so that any position can be asked for without a table up to it.
 */
export interface Place {
  readonly file: number;
  /** Of the frame. */
  readonly offset: number;
  /** Of the body. */
  readonly length: number;
}

const PAGE = 1024;

export class PositionIndex {
  /** Three words a position: file number (0: absent), offset, length. */
  readonly #pages = new Map<number, Uint32Array>();
  #highest = 0;

  /** The highest position ever put, 0 before that. */
  get highest(): number {
    return this.#highest;
  }

  put(position: number, place: Place): void {
    const number = Math.floor(position / PAGE);
    let page = this.#pages.get(number);
    if (page === undefined) this.#pages.set(number, (page = new Uint32Array(3 * PAGE)));
    const at = 3 * (position % PAGE);
    page[at] = place.file;
    page[at + 1] = place.offset;
    page[at + 2] = place.length;
    if (position > this.#highest) this.#highest = position;
  }

  get(position: number): Place | null {
    const page = this.#pages.get(Math.floor(position / PAGE));
    const at = 3 * (position % PAGE);
    const file = page?.[at] ?? 0;
    if (page === undefined || file === 0) return null;
    return { file, offset: page[at + 1] as number, length: page[at + 2] as number };
  }

  /** Forgets the positions of files below `file`. */
  forgetFilesBelow(file: number): void {
    for (const [number, page] of this.#pages) {
      let isEmpty = true;
      for (let at = 0; at < page.length; at += 3) {
        if ((page[at] as number) < file) page[at] = 0;
        else isEmpty = false;
      }
      if (isEmpty) this.#pages.delete(number);
    }
  }
}
