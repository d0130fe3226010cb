/** JSON Web Tokens, checked against a key set that is fetched or read from a file. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from "jose";
import type { JwtSettings } from "../config/settings.js";
import type { Authentication, Authenticator } from "./authenticator.js";
import { credentialOf } from "./bearer.js";

/** A key set is fetched again for an unknown key, but not more often than this: unknown keys are free to invent. */
const COOLDOWN_MS = 30_000;
/** And in any case after this time, so that keys that were withdrawn go. */
const KEYS_LIVE_MS = 600_000;
const FETCH_MS = 5_000;
/** A token that was found good is good for so long without another look at its signature. */
const CHECKED_LIVE_MS = 60_000;
const CHECKED_MAX = 10_000;

/** The keys cannot be read at start. */
export class AuthKeysProblem extends Error {
  override readonly name = "AuthKeysProblem";
  readonly code = "auth_keys_unusable";
}

interface Checked {
  readonly found: Authentication;
  readonly untilMs: number;
}

export class Tokens implements Authenticator {
  readonly challenge = 'Bearer error="invalid_token"';
  readonly #settings: JwtSettings;
  readonly #keys: JWTVerifyGetKey;
  readonly #options: JWTVerifyOptions;
  readonly #nowMs: () => number;
  readonly #checked = new Map<string, Checked>();

  /** Throws `AuthKeysProblem`. */
  constructor(settings: JwtSettings, nowMs: () => number = Date.now) {
    this.#settings = settings;
    this.#nowMs = nowMs;
    this.#keys = keySet(settings.jwks);
    this.#options = {
      algorithms: [...settings.algorithms],
      clockTolerance: settings.clockToleranceMs / 1_000,
      requiredClaims: ["exp", settings.principalClaim],
      ...(settings.issuer !== null && { issuer: settings.issuer }),
      ...(settings.audience !== null && { audience: settings.audience }),
    };
  }

  authenticate(headers: IncomingHttpHeaders): Authentication | Promise<Authentication> {
    const token = credentialOf(headers);
    if (token === null) return { kind: "unknown", detail: "a token is needed: 'authorization: Bearer {token}'" };
    const digest = createHash("sha256").update(token).digest("base64");
    const checked = this.#checked.get(digest);
    if (checked !== undefined && checked.untilMs > this.#nowMs()) return checked.found;
    return this.#check(token, digest);
  }

  async #check(token: string, digest: string): Promise<Authentication> {
    try {
      const { payload } = await jwtVerify(token, this.#keys, { ...this.#options, currentDate: new Date(this.#nowMs()) });
      const found = this.#callerOf(payload);
      this.#remember(digest, found, (payload.exp ?? 0) * 1_000 + this.#settings.clockToleranceMs);
      return found;
    } catch (error) {
      return refusalOf(error);
    }
  }

  #callerOf(payload: JWTPayload): Authentication {
    const principal = payload[this.#settings.principalClaim];
    if (typeof principal !== "string" || principal === "") {
      return { kind: "unknown", detail: `the token's claim '${this.#settings.principalClaim}' names nobody` };
    }
    const { scope } = this.#settings;
    if (scope !== null && !scopesOf(payload).includes(scope)) {
      return { kind: "forbidden", detail: `the token does not have the scope '${scope}'` };
    }
    return { kind: "known", caller: { principal, types: null } };
  }

  #remember(digest: string, found: Authentication, expiresAtMs: number): void {
    if (this.#checked.size >= CHECKED_MAX) {
      const [oldest] = this.#checked.keys();
      if (oldest !== undefined) this.#checked.delete(oldest);
    }
    this.#checked.set(digest, { found, untilMs: Math.min(expiresAtMs, this.#nowMs() + CHECKED_LIVE_MS) });
  }
}

function keySet(jwks: string): JWTVerifyGetKey {
  if (/^https?:\/\//.test(jwks)) {
    const options = { cooldownDuration: COOLDOWN_MS, cacheMaxAge: KEYS_LIVE_MS, timeoutDuration: FETCH_MS };
    return createRemoteJWKSet(new URL(jwks), options);
  }
  try {
    return createLocalJWKSet(JSON.parse(readFileSync(jwks, "utf8")));
  } catch (error) {
    throw new AuthKeysProblem(`the key set '${jwks}' cannot be used: ${(error as Error).message}`);
  }
}

/** OAuth's `scope`, Azure's `scp`, and `roles`. */
function scopesOf(payload: JWTPayload): readonly string[] {
  return [payload["scope"], payload["scp"], payload["roles"]].flatMap((claim) => {
    if (typeof claim === "string") return claim.split(" ");
    return Array.isArray(claim) ? claim.map(String) : [];
  });
}

/** What is said to the outside tells what to correct, and nothing of the keys. */
function refusalOf(error: unknown): Authentication {
  if (error instanceof errors.JWTExpired) return { kind: "unknown", detail: "the token has expired" };
  if (error instanceof errors.JWTClaimValidationFailed) {
    return { kind: "unknown", detail: `the token's claim '${error.claim}' does not fit` };
  }
  const isOfToken =
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JOSEAlgNotAllowed ||
    error instanceof errors.JOSENotSupported ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys;
  if (isOfToken) return { kind: "unknown", detail: "the token is malformed, or not signed by a key that counts here" };
  return { kind: "unavailable", detail: "the keys that would check the token cannot be fetched now" };
}
