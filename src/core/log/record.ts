/** The words of the log: who owns one, where a record lies in it, and what became of an attempt to write there. */

/** Names one incarnation's log. Also the incarnation's id: a log has one writer, and every start opens a new one. */
export type LogId = string & { readonly brand?: "LogId" };

/** A record lies at (log, position). Positions begin at 1 and have no gaps below a log's durable tail. */
export const FIRST_POSITION = 1;

/**
 * What became of an append. `unknown` may still happen later; whoever sees it must look before it decides (RULES.md 15h).
 * `refused` did not happen and will not: a later try of the same record may succeed unless `isPermanent`.
 */
export type AppendOutcome =
  | { readonly kind: "happened" }
  /** Something stands there already: `body` is what stands there, perhaps our own record of an earlier try. */
  | { readonly kind: "taken"; readonly body: Uint8Array }
  | {
      readonly kind: "refused";
      readonly isPermanent: boolean;
      readonly message: string;
      readonly retryAfterMs: number | null;
      /** The stable code of what is wrong with the store, where there is one (docs/errors.md). */
      readonly code?: string;
    }
  | { readonly kind: "unknown"; readonly message: string };

/** What a read found: the records from the asked position on, without a gap; empty where the asked position is absent. */
export type ReadOutcome =
  | { readonly kind: "records"; readonly bodies: readonly Uint8Array[] }
  | { readonly kind: "failed"; readonly message: string; readonly code?: string };
