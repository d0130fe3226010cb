/**
 * The snapshot store: immutable objects under unique names. A name is written once and never again.
 *
 * Contract (test/contract/snapshots.contract.ts):
 * - An object becomes visible, whole, when `finish` answers `happened`, and is durable then. Before that, after `abort`,
 *   or after a crash in between, readers find nothing under the name (leftovers of unfinished writes are cleaned up).
 * - `read` returns exactly the asked range, or fewer bytes only where the object ends. `absent` means that no such object
 *   exists, and nothing else means that; every other trouble is `failed`.
 * - `finish` on a name that exists already is `refused`; `refused` means that the object will never be there by this write.
 * - `delete` of an absent object `happened`. `list` gives the names of finished objects under a prefix, sorted.
 * - A chunk belongs to the writer from `write` on, and must not change until `write` resolves.
 * - A name that is not allowed throws a RangeError. After `close` every call answers `failed`, `refused` or `unknown`.
 */
export type WriteOutcome =
  | { readonly kind: "happened" }
  | { readonly kind: "refused"; readonly message: string; readonly code?: string }
  | { readonly kind: "unknown"; readonly message: string; readonly code?: string };

export type ObjectReadOutcome =
  | { readonly kind: "found"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly message: string; readonly code?: string };

export type ObjectListOutcome =
  | { readonly kind: "listed"; readonly names: readonly string[] }
  | { readonly kind: "failed"; readonly message: string; readonly code?: string };

export interface ObjectWriter {
  /** Takes the next bytes. Resolves when more may be given: that is the back-pressure. Never throws; trouble shows at `finish`. */
  write(chunk: Uint8Array): Promise<void>;
  finish(): Promise<WriteOutcome>;
  abort(): Promise<void>;
}

/** Names: letters, digits, `-`, `_`, `.` and `/` (folders); at most 512 characters. */
export interface SnapshotPort {
  create(name: string): ObjectWriter;
  read(name: string, offset: number, length: number): Promise<ObjectReadOutcome>;
  delete(name: string): Promise<WriteOutcome>;
  list(prefix: string): Promise<ObjectListOutcome>;
  close(): Promise<void>;
}

export const OBJECT_NAME = /^[A-Za-z0-9\-_./]{1,512}$/;
