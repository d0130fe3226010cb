/** The `auth` sections: none, static keys, or tokens. */
import type { SettingNode } from "./setting-node.js";
import { ASYMMETRIC_ALGORITHMS, type AuthSettings, type StaticKey } from "./settings.js";

/** Shorter keys can be guessed. */
const KEY_CHARACTERS_MIN = 16;
const MINUTE_MS = 60_000;

export function readAuth(node: SettingNode): AuthSettings {
  if (!node.isSet) return { kind: "none" };
  switch (node.member("kind").choice(["none", "keys", "jwt"], "none")) {
    case "none":
      node.mapping(["kind"]);
      return { kind: "none" };
    case "keys":
      node.mapping(["kind", "keys"]);
      return { kind: "keys", keys: readKeys(node.member("keys")) };
    case "jwt":
      return readJwt(node);
  }
}

function readKeys(node: SettingNode): readonly StaticKey[] {
  const keys = node.list().map((one): StaticKey => {
    one.mapping(["principal", "key", "sha256", "types"]);
    const principal = one.member("principal").text("");
    if (principal === "") one.refuse("'principal' is missing: who it is that has this key");
    const key = one.member("key").text(null);
    const sha256 = one.member("sha256").text(null);
    if ((key === null) === (sha256 === null)) one.refuse("exactly one of 'key' and 'sha256' is expected");
    if (key !== null && key.length < KEY_CHARACTERS_MIN)
      one.member("key").refuse(`at least ${KEY_CHARACTERS_MIN} characters are expected`);
    if (sha256 !== null && !/^[0-9a-f]{64}$/i.test(sha256)) one.member("sha256").refuse("64 hex digits are expected");
    const types = one.member("types");
    return { principal, key, sha256: sha256?.toLowerCase() ?? null, types: types.isSet ? types.texts() : null };
  });
  if (keys.length === 0) node.refuse("at least one key is expected");
  return keys;
}

function readJwt(node: SettingNode): AuthSettings {
  node.mapping(["kind", "jwks", "issuer", "audience", "algorithms", "clockTolerance", "principalClaim", "scope"]);
  const jwks = node.member("jwks").text("");
  if (jwks === "") node.refuse("'jwks' is missing: the URL, or the file, of the keys that sign the tokens");
  const algorithms = node.member("algorithms");
  for (const one of algorithms.list()) {
    if (!ASYMMETRIC_ALGORITHMS.includes(one.text("")))
      one.refuse(`only signatures by key pairs are taken: ${ASYMMETRIC_ALGORITHMS.join(", ")}`);
  }
  return {
    kind: "jwt",
    jwks,
    issuer: node.member("issuer").text(null),
    audience: node.member("audience").text(null),
    algorithms: algorithms.isSet ? algorithms.texts() : ASYMMETRIC_ALGORITHMS,
    clockToleranceMs: node.member("clockTolerance").durationMs(5_000, { min: 0, max: 5 * MINUTE_MS }),
    principalClaim: node.member("principalClaim").text("sub"),
    scope: node.member("scope").text(null),
  };
}
