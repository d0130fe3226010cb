/**
 * Books by their bytes. A function is handed nearly always the state that it last gave: bytes that are equal to some that
 * were read or written before are not parsed again, and only lines that are new in a book are put into JSON.
 */
import { type Book, emptyBook, encoder, type Line, parsed } from "./book.js";

/** Nobody changes it: readers get a copy. Lines are shared; so two logs that share a line are equal up to it. */
interface Kept {
  readonly bytes: Uint8Array;
  readonly book: Book;
  /** The log's lines in JSON, with commas between. */
  readonly logText: string;
}

/** The newest of each entity: what the last answers gave, and what they were given. */
const KEPT_MAX = 4;

export class BookShelf {
  readonly #keptByEntity = new Map<string, Kept[]>();

  /** A book that the reader may change; `bytes` null: an empty one. */
  read(entity: string, bytes: Uint8Array | null): Book {
    if (bytes === null) return emptyBook();
    const known = this.#of(entity).find((kept) => isEqual(kept.bytes, bytes));
    if (known !== undefined) return copyOf(known.book);
    const book = parsed<Book>(bytes);
    this.#keep(entity, { bytes: bytes.slice(), book: copyOf(book), logText: linesText(book.log, 0) });
    return book;
  }

  /** As `bytesOf` would write it. */
  write(entity: string, book: Book): Uint8Array {
    const { n, chain, log, x } = book;
    const before = this.#of(entity).find((kept) => isPrefix(kept.book.log, log));
    const logText = before === undefined ? linesText(log, 0) : joined(before.logText, linesText(log, before.book.log.length));
    const bytes = encoder.encode(`{"n":${n},"chain":${chain},"log":[${logText}],"x":${JSON.stringify(x)}}`);
    this.#keep(entity, { bytes: bytes.slice(), book: copyOf(book), logText });
    return bytes;
  }

  #of(entity: string): Kept[] {
    let kept = this.#keptByEntity.get(entity);
    if (kept === undefined) {
      kept = [];
      this.#keptByEntity.set(entity, kept);
    }
    return kept;
  }

  #keep(entity: string, one: Kept): void {
    const kept = this.#of(entity);
    kept.unshift(one);
    if (kept.length > KEPT_MAX) kept.pop();
  }
}

function copyOf({ n, chain, log, x }: Book): Book {
  return { n, chain, log: [...log], x: { ...x } };
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && Buffer.compare(left, right) === 0;
}

function isPrefix(short: readonly Line[], long: readonly Line[]): boolean {
  return short.length <= long.length && short.at(-1) === (short.length === 0 ? undefined : long[short.length - 1]);
}

function linesText(lines: readonly Line[], from: number): string {
  return lines
    .slice(from)
    .map((line) => JSON.stringify(line))
    .join(",");
}

function joined(before: string, behind: string): string {
  return before === "" || behind === "" ? before + behind : `${before},${behind}`;
}
