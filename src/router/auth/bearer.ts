/** The credential of a request: `authorization: Bearer ...`, or `x-api-key`. */
import type { IncomingHttpHeaders } from "node:http";

/** Longer ones are no credentials of ours, and are not worth hashing. */
const CREDENTIAL_CHARACTERS_MAX = 8_192;

/** Null: none, or none that could be one. */
export function credentialOf(headers: IncomingHttpHeaders): string | null {
  const header = headers.authorization;
  const given = header === undefined ? headers["x-api-key"] : /^bearer +(\S+)$/i.exec(header)?.[1];
  return typeof given === "string" && given !== "" && given.length <= CREDENTIAL_CHARACTERS_MAX ? given : null;
}
