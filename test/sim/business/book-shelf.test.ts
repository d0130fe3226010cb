import assert from "node:assert/strict";
import { test } from "node:test";
import { type Book, bytesOf, emptyBook, parsed } from "./book.js";
import { BookShelf } from "./book-shelf.js";

function written(shelf: BookShelf, book: Book, token: string): Uint8Array {
  book.n++;
  book.log.push({ t: token, k: "post", v: book.n });
  book.x["balance"] = book.n;
  return shelf.write("sim/ledger/1", book);
}

test("what the shelf writes is what JSON writes, whatever it has kept of it", () => {
  const shelf = new BookShelf();
  const book = emptyBook();
  assert.deepEqual(shelf.write("sim/ledger/1", book), bytesOf(book));
  for (let line = 1; line < 9; line++) assert.deepEqual(written(shelf, book, `c${line}`), bytesOf(book));
  // A branch of the past: the function runs again on an older state.
  const older = shelf.read("sim/ledger/1", bytesOf({ ...book, n: 2, log: book.log.slice(0, 2) }));
  assert.deepEqual(written(shelf, older, "again"), bytesOf(older));
});

test("a reader may change its book, and the next one does not see it", () => {
  const shelf = new BookShelf();
  const bytes = written(shelf, emptyBook(), "c1");
  written(shelf, shelf.read("sim/ledger/1", bytes), "c2");
  assert.deepEqual(shelf.read("sim/ledger/1", bytes), parsed<Book>(bytes));
});

test("bytes that are other by one are read as they are", () => {
  const shelf = new BookShelf();
  const bytes = written(shelf, emptyBook(), "c1");
  const other = new TextEncoder().encode(new TextDecoder().decode(bytes).replace("c1", "c7"));
  assert.equal(shelf.read("sim/ledger/1", other).log[0]?.t, "c7");
});
