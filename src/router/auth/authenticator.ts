/** The authentication hook: who sends a request. Asked once a request, before anything of it is looked at. */
import type { IncomingHttpHeaders } from "node:http";

/** Who asks. `types`: the only entity types the caller may use, as names or `namespace/*`; null for all. */
export interface Caller {
  readonly principal: string;
  readonly types: readonly string[] | null;
}

export type Authentication =
  | { readonly kind: "known"; readonly caller: Caller }
  /** Nobody, or nobody we trust. `detail` never tells which keys exist. */
  | { readonly kind: "unknown"; readonly detail: string }
  /** Somebody we know, who may not come in here at all. */
  | { readonly kind: "forbidden"; readonly detail: string }
  /** The keys that would tell cannot be had now; a retry may succeed. */
  | { readonly kind: "unavailable"; readonly detail: string };

export interface Authenticator {
  /** The scheme for WWW-Authenticate. */
  readonly challenge: string;
  /** Answers at once where it can, so that the usual request waits for nothing. */
  authenticate(headers: IncomingHttpHeaders): Authentication | Promise<Authentication>;
}
