/**
 * Counts what a cloud charges for. Adapters count each request they send, also one that fails or whose answer is lost: it
 * may be charged all the same. Called on the hot path: must be cheap and must not throw.
 */
export interface RequestMeter {
  /**
   * One request of this kind was sent. `units` is what it is charged by where that is not the request itself: write or
   * read request units for DynamoDB, billed milliseconds for Lambda; 1 for everything else.
   */
  count(kind: RequestKind, units: number): void;
}

export const REQUEST_KINDS = [
  "dynamodb_write",
  "dynamodb_read",
  "s3_put",
  "s3_get",
  "s3_list",
  "s3_delete",
  "lambda_invoke",
] as const;

/** Multipart uploads: each part, the beginning and the completion are an `s3_put`. */
export type RequestKind = (typeof REQUEST_KINDS)[number];

/** Counts nothing: for tests and for whoever does not care. */
export const NO_METER: RequestMeter = { count: () => undefined };
