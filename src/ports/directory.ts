/**
 * The directory: small documents that change by compare-and-swap alone. Cluster settings, node documents, shard
 * descriptors, deployments.
 *
 * Contract (test/contract/directory.contract.ts):
 * - `swap` replaces the document when its token equals `expected` (null: when there is none) and answers `happened`, or
 *   changes nothing and answers `conflict`. At most one of several swaps with the same `expected` happens.
 * - `happened` means durable. Anything less certain than happened or conflict is `unknown`, and may still happen later.
 * - Tokens are chosen by the writer, random, and never used twice; `body` is opaque, at most 400,000 bytes.
 * - `read` and `list` see every swap that happened before they were called. `list` is sorted by key (by UTF-16 unit).
 * - A key or body beyond the limits throws a RangeError: that is a mistake of the caller.
 * - A damaged document does not hide the others: `list` names it in `damaged`, without a document. Of a newer format: `failed`.
 * - `failed` and `unknown` carry the stable code of what is wrong with the store, where there is one (docs/errors.md).
 * - After `close` every call answers `unknown` or `failed`; calls in flight have been answered before it resolves.
 */
export interface Document {
  readonly token: string;
  readonly body: Uint8Array;
}

export type SwapOutcome =
  | { readonly kind: "happened" }
  | { readonly kind: "conflict" }
  | { readonly kind: "unknown"; readonly message: string; readonly code?: string };

export type DocumentReadOutcome =
  | { readonly kind: "found"; readonly document: Document }
  | { readonly kind: "absent" }
  | { readonly kind: "failed"; readonly message: string; readonly code?: string };

export type DocumentListOutcome =
  | {
      readonly kind: "listed";
      readonly documents: readonly { readonly key: string; readonly document: Document }[];
      /** Keys whose documents are not what was written (`document_damaged`). */
      readonly damaged?: readonly { readonly key: string; readonly message: string }[];
    }
  | { readonly kind: "failed"; readonly message: string; readonly code?: string };

/** Keys: letters, digits, `-`, `_`, `.`, `#`, `:` and `/`; at most 512 characters. */
export interface DirectoryPort {
  read(key: string): Promise<DocumentReadOutcome>;
  list(prefix: string): Promise<DocumentListOutcome>;
  swap(key: string, expected: string | null, document: Document): Promise<SwapOutcome>;
  /** Removes the document if its token is `expected`. */
  remove(key: string, expected: string): Promise<SwapOutcome>;
  close(): Promise<void>;
}

export const DOCUMENT_BYTES_MAX = 400_000;
export const DIRECTORY_KEY = /^[A-Za-z0-9\-_.#:/]{1,512}$/;
