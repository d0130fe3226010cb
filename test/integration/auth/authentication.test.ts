import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { StaticKeys } from "../../../src/router/auth/static-keys.js";
import { Tokens } from "../../../src/router/auth/tokens.js";
import { ASYMMETRIC_ALGORITHMS, type JwtSettings } from "../../../src/router/config/settings.js";
import { post, withIngress } from "../ingress/running-ingress.js";

const ADD = "/shop/cart/c1/add";

describe("static keys", () => {
  const sha256 = createHash("sha256").update("hashed-key-0123456789").digest("hex");
  const authenticator = new StaticKeys([
    { principal: "shop", key: "plain-key-0123456789", sha256: null, types: null },
    { principal: "stock", key: null, sha256, types: ["shop/stock", "depot/*"] },
  ]);

  it("let in who has one, and hand the principal to the command", async () => {
    await withIngress({ authenticator }, async ({ core, url }) => {
      for (const headers of [{ authorization: "Bearer plain-key-0123456789" }, { "x-api-key": "plain-key-0123456789" }]) {
        assert.equal((await post(url + ADD, "1", headers)).status, 200);
        assert.deepEqual(core.command.metadata, [["principal", "shop"]]);
      }
    });
  });

  it("keep out everybody else, before anything else is looked at", async () => {
    await withIngress({ authenticator }, async ({ core, url }) => {
      for (const authorization of [
        "",
        "Bearer",
        "Bearer wrong-key-0123456789",
        "Basic plain-key-0123456789",
        `Bearer ${"x".repeat(9_000)}`,
      ]) {
        const reply = await post(`${url}/no/such/type/x`, "{", { authorization });
        assert.deepEqual([reply.status, reply.code], [401, "unauthenticated"], authorization);
        assert.equal(reply.headers.get("www-authenticate"), "Bearer");
      }
      assert.equal(core.inputs.length, 0);
    });
  });

  it("may be limited to types", async () => {
    await withIngress({ authenticator }, async ({ url }) => {
      const headers = { authorization: "Bearer hashed-key-0123456789" };
      const reply = await post(url + ADD, "1", headers);
      assert.deepEqual([reply.status, reply.code], [403, "forbidden"]);
      assert.equal((await post(`${url}/depot/any/1/add`, "1", headers)).code, "unknown_type", "that one would be allowed");
    });
  });
});

const ISSUER = "https://issuer.example";
const pair = await generateKeyPair("ES256");
const other = await generateKeyPair("ES256");
const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: "k1", alg: "ES256" }] };

const SETTINGS: Omit<JwtSettings, "jwks"> = {
  kind: "jwt",
  issuer: ISSUER,
  audience: "holdfast",
  algorithms: ASYMMETRIC_ALGORITHMS,
  clockToleranceMs: 5_000,
  principalClaim: "sub",
  scope: null,
};

function token(claims: Record<string, unknown> = {}, key = pair.privateKey): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const payload = { iss: ISSUER, aud: "holdfast", sub: "alice", exp: now + 300, ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: "k1" }).sign(key);
}

describe("tokens", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-auth-"));
  const file = join(folder, "jwks.json");
  writeFileSync(file, JSON.stringify(jwks));

  it("let in who has a good one, again and again, and hand the principal to the command", async () => {
    await withIngress({ authenticator: new Tokens({ ...SETTINGS, jwks: file }) }, async ({ core, url }) => {
      const authorization = `Bearer ${await token()}`;
      for (let count = 0; count < 3; count++) {
        assert.equal((await post(url + ADD, "1", { authorization })).status, 200);
        assert.deepEqual(core.command.metadata, [["principal", "alice"]]);
      }
    });
  });

  it("keep out every other one", async () => {
    const now = Math.floor(Date.now() / 1_000);
    const secret = new TextEncoder().encode(JSON.stringify(jwks.keys[0]));
    const bad: Readonly<Record<string, string>> = {
      expired: await token({ exp: now - 10 }),
      "without an end": await token({ exp: undefined }),
      "not valid yet": await token({ nbf: now + 60 }),
      "of another issuer": await token({ iss: "https://evil.example" }),
      "for another audience": await token({ aud: "other" }),
      "without a subject": await token({ sub: undefined }),
      "signed by another key": await token({}, other.privateKey),
      unsigned: new UnsecuredJWT({ iss: ISSUER, aud: "holdfast", sub: "alice", exp: now + 60 }).encode(),
      "signed with the public key as a secret": await new SignJWT({ iss: ISSUER, aud: "holdfast", sub: "a", exp: now + 60 })
        .setProtectedHeader({ alg: "HS256", kid: "k1" })
        .sign(secret),
      garbage: "a.b.c",
    };
    await withIngress({ authenticator: new Tokens({ ...SETTINGS, jwks: file }) }, async ({ core, url }) => {
      for (const [what, value] of Object.entries(bad)) {
        const reply = await post(url + ADD, "1", { authorization: `Bearer ${value}` });
        assert.deepEqual([reply.status, reply.code], [401, "unauthenticated"], what);
      }
      assert.equal(core.inputs.length, 0);
    });
  });

  it("within the clock tolerance are good, and no longer once that is over, although they were seen before", async () => {
    let skewMs = 0;
    const tokens = new Tokens({ ...SETTINGS, jwks: file }, () => Date.now() + skewMs);
    const headers = { authorization: `Bearer ${await token({ exp: Math.floor(Date.now() / 1_000) + 10 })}` };
    assert.equal((await tokens.authenticate(headers)).kind, "known");
    skewMs = 13_000;
    assert.equal((await tokens.authenticate(headers)).kind, "known");
    skewMs = 17_000;
    assert.equal((await tokens.authenticate(headers)).kind, "unknown");
  });

  it("without the scope that is asked for are 403", async () => {
    const authenticator = new Tokens({ ...SETTINGS, jwks: file, scope: "holdfast" });
    await withIngress({ authenticator }, async ({ url }) => {
      const call = async (claims: Record<string, unknown>) =>
        (await post(url + ADD, "1", { authorization: `Bearer ${await token(claims)}` })).status;
      assert.equal(await call({}), 403);
      assert.equal(await call({ scope: "other holdfast" }), 200);
      assert.equal(await call({ roles: ["holdfast"] }), 200);
    });
  });

  it("are 503 while the key set cannot be fetched, and good once it can", async () => {
    let isUp = false;
    let fetched = 0;
    const server = createServer((_, response) => {
      fetched++;
      response.writeHead(isUp ? 200 : 500, { "content-type": "application/json" }).end(JSON.stringify(jwks));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const authenticator = new Tokens({ ...SETTINGS, jwks: `http://127.0.0.1:${port}/jwks` });
    await withIngress({ authenticator }, async ({ url }) => {
      const authorization = `Bearer ${await token()}`;
      const reply = await post(url + ADD, "1", { authorization });
      assert.deepEqual([reply.status, reply.code, reply.headers.get("retry-after")], [503, "auth_unavailable", "5"]);
      isUp = true;
      assert.equal((await post(url + ADD, "1", { authorization })).status, 200);
      const before = fetched;
      await Promise.all([1, 2, 3].map(async (n) => post(url + ADD, "1", { authorization: `Bearer ${await token({ n })}` })));
      assert.equal(fetched, before, "the key set is kept");
    });
    server.close();
    server.closeAllConnections();
  });

  it("need a key set that can be read", () => {
    assert.throws(() => new Tokens({ ...SETTINGS, jwks: join(folder, "nothing.json") }), { code: "auth_keys_unusable" });
    rmSync(folder, { recursive: true });
  });
});
