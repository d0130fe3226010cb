/** Static keys: each belongs to a principal. */
import { createHash, createHmac, randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { StaticKey } from "../config/settings.js";
import type { Authentication, Authenticator, Caller } from "./authenticator.js";
import { credentialOf } from "./bearer.js";

/**
 * Keys are kept as digests under a secret of this process alone. A lookup by digest takes as long as it takes, but what
 * that time tells is about a digest that nobody outside can compute, so it says nothing of the keys.
 */
export class StaticKeys implements Authenticator {
  readonly challenge = "Bearer";
  readonly #secret = randomBytes(32);
  readonly #callerByDigest = new Map<string, Caller>();

  constructor(keys: readonly StaticKey[]) {
    for (const { principal, key, sha256, types } of keys) {
      const digest = sha256 === null ? sha256Of(key ?? "") : Buffer.from(sha256, "hex");
      this.#callerByDigest.set(this.#digest(digest), { principal, types });
    }
  }

  authenticate(headers: IncomingHttpHeaders): Authentication {
    const key = credentialOf(headers);
    if (key === null) return { kind: "unknown", detail: "a key is needed: 'authorization: Bearer {key}', or 'x-api-key'" };
    const caller = this.#callerByDigest.get(this.#digest(sha256Of(key)));
    return caller === undefined ? { kind: "unknown", detail: "the key is not known here" } : { kind: "known", caller };
  }

  #digest(sha256: Buffer): string {
    return createHmac("sha256", this.#secret).update(sha256).digest("base64");
  }
}

function sha256Of(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
