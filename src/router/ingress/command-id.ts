/** Ids of commands: derived from the client's key, so that the same request has the same id; else unique for ever. */
import { hash, randomBytes } from "node:crypto";

/** Characters of the base64url of a SHA-256: 186 bits, far beyond any chance of a collision. */
const DIGEST_CHARACTERS = 31;

/** The id of the command with this idempotency key. Scope: the entity, whatever the command is. */
export function keyedCommandId(type: string, id: string, key: string): string {
  // Types and ids hold no NUL, so the parts cannot run into each other.
  return `k-${hash("sha256", `${type}\0${id}\0${key}`, "base64url").slice(0, DIGEST_CHARACTERS)}`;
}

/** What tells a repeated request from another one under the same key. */
export function bodyHash(command: string, body: Uint8Array, delayMs: number): string {
  const digest = hash("sha256", body, "base64url");
  return hash("sha256", `${command}\0${delayMs}\0${digest}`, "base64url").slice(0, DIGEST_CHARACTERS);
}

/** Ids of commands without a key: a random prefix for each start of the process, and a counter. */
export class CommandIds {
  readonly #prefix = `c-${randomBytes(9).toString("base64url")}-`;
  #count = 0;

  next(): string {
    return this.#prefix + (this.#count++).toString(36);
  }
}
