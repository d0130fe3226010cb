/** What the main thread asks a write thread for, and what comes back. One request is under way at a time. */
export type WriteRequest =
  | { readonly kind: "open"; readonly path: string }
  /** The bytes are the first `length` of the shared buffer. */
  | { readonly kind: "append"; readonly descriptor: number; readonly length: number; readonly isSynced: boolean }
  | { readonly kind: "sync"; readonly descriptor: number }
  | { readonly kind: "syncFolder"; readonly path: string }
  | { readonly kind: "truncate"; readonly descriptor: number; readonly length: number }
  | { readonly kind: "close"; readonly descriptor: number };

export type WriteReply =
  /** The new descriptor for `open`, else 0. */
  | { readonly kind: "done"; readonly value: number }
  | { readonly kind: "failed"; readonly isSync: boolean; readonly code: string; readonly message: string };
