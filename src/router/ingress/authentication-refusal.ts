/** Why somebody is not let in, as a refusal. */
import type { Authentication, Authenticator } from "../auth/authenticator.js";
import type { Refusal } from "./problem-document.js";

/** The keys that would tell are asked for again after this time at the earliest. */
const KEYS_RETRY_MS = 5_000;

export function authenticationRefusal(
  found: Exclude<Authentication, { readonly kind: "known" }>,
  authenticator: Authenticator,
): Refusal {
  switch (found.kind) {
    case "unknown":
      return { code: "unauthenticated", detail: found.detail, headers: ["www-authenticate", authenticator.challenge] };
    case "forbidden":
      return { code: "forbidden", detail: found.detail };
    case "unavailable":
      return { code: "auth_unavailable", detail: found.detail, retryAfterMs: KEYS_RETRY_MS };
  }
}
