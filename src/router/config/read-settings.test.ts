import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigProblem } from "./config-problem.js";
import { nearest } from "./nearest.js";
import { readSettings, readSettingsFile } from "./read-settings.js";
import { redacted } from "./redacted.js";
import { DEFAULT_SETTINGS } from "./settings.js";

function refusal(text: string, environment = {}): ConfigProblem {
  try {
    readSettings(text, environment);
  } catch (error) {
    assert.ok(error instanceof ConfigProblem);
    return error;
  }
  throw new Error("the settings were taken");
}

describe("settings", () => {
  it("without a word are the defaults: one router, local disk, loopback", () => {
    assert.deepEqual(readSettings("", {}), DEFAULT_SETTINGS);
    assert.deepEqual(readSettings("# nothing\n", {}), DEFAULT_SETTINGS);
  });

  it("are read with their units", () => {
    const settings = readSettings(
      `cluster: shop-prod
shards: 128
listen: { ingress: 127.0.0.1:8081, admin: "[::1]:9071" }
journal: { kind: local, path: data }
ingress: { bodyMax: 512KB, deadline: 45s, keepHeaders: [X-Tenant], cors: { origins: ["https://shop.example"] } }
memory: { cache: 64MB, total: 1GB }
functions:
  - { url: "http://localhost:9000", inFlightMax: 8, batch: { entitiesMax: 10, bytesMax: 1MB }, prefer: cost, timeout: 5s }
types:
  shop/cart: { history: 30d, idempotencyRetention: 48h, stateTtl: none, stateMax: 2MB, expose: [events], onPoison: pause }
stopGrace: 5s
log: { level: debug, figuresEvery: 1m }
`,
      {},
    );
    assert.deepEqual(settings.listen.admin, { host: "::1", port: 9071 });
    assert.deepEqual([settings.shards, settings.stopGraceMs, settings.memory.totalBytes], [128, 5_000, 1 << 30]);
    assert.deepEqual(settings.log, { level: "debug", figuresEveryMs: 60_000 });
    assert.deepEqual(settings.snapshots, { kind: "local", path: "data" }, "one folder holds everything unless said otherwise");
    assert.deepEqual(settings.ingress.keepHeaders, ["x-tenant"]);
    assert.deepEqual([settings.ingress.limits.bodyBytesMax, settings.ingress.limits.deadlineMs], [512 << 10, 45_000]);
    const [one] = settings.functions;
    assert.deepEqual([one?.limits.inFlightMax, one?.limits.prefer, one?.limits.timeoutMs], [8, "cost", 5_000]);
    assert.deepEqual(settings.types["shop/cart"], {
      history: { kind: "ms", ms: 30 * 86_400_000 },
      idempotencyRetentionMs: 48 * 3_600_000,
      stateTtlMs: null,
      stateBytesMax: 2 << 20,
      exposeState: false,
      exposeEvents: true,
      onPoison: "pause",
    });
  });

  it("name every problem at once, by path, with the nearest known name", () => {
    const { code, problems } = refusal(`shard: 8
shards: many
listen: { ingres: 127.0.0.1:1, admin: nowhere }
ingress: { bodyMax: 1mb, deadline: 30, auth: { kind: jtw } }
functions: [{ url: "ftp://x" }, { url: "http://a", inFlightMax: 0 }]
types: { cart: {}, shop/cart: { histroy: none, stateMax: 5MB } }
`);
    assert.equal(code, "config_invalid");
    const text = problems.join("\n");
    for (const part of [
      "shard: there is no such setting; did you mean 'shards'?",
      `shards: a whole number is expected, not "many"`,
      "listen.ingres: there is no such setting; did you mean 'ingress'?",
      "listen.admin: 'nowhere' is not host:port",
      `ingress.bodyMax: "1mb" is not a whole number and a unit`,
      "ingress.deadline: 30 is not a whole number and a unit",
      `ingress.auth.kind: "jtw" is not one of none, keys, jwt; did you mean 'jwt'?`,
      "functions[0].url:",
      "functions[1].inFlightMax: 0 is not within 1 and 10000",
      "types.cart: an entity type is written 'namespace/name'",
      "types.shop/cart.histroy: there is no such setting; did you mean 'history'?",
      "types.shop/cart.stateMax: 5MB is not within 1KB and 4MB",
    ]) {
      assert.ok(text.includes(part), `${part}\nis not in\n${text}`);
    }
  });

  it("take values from the environment, which cannot change their shape", () => {
    const environment = { KEY: "0123456789abcdef, evil: true }", SHARDS: "16" };
    const text = `shards: "\${SHARDS}"
listen: { ingress: "127.0.0.1:\${PORT:-8088}" }
ingress: { auth: { kind: keys, keys: [{ principal: shop, key: "\${KEY}" }] } }`;
    const settings = readSettings(text, environment);
    assert.deepEqual([settings.shards, settings.listen.ingress.port], [16, 8088]);
    assert.ok(settings.ingress.auth.kind === "keys" && settings.ingress.auth.keys[0]?.key === environment.KEY);
    assert.deepEqual(refusal(`cluster: \${NOBODY_SET_THIS}`).code, "environment_missing");
  });

  it("print without secrets", () => {
    const secret = "very-secret-key-0001";
    const settings = readSettings(
      `ingress: { auth: { kind: keys, keys: [{ principal: shop, key: ${secret} }] } }
functions: [{ url: "https://f.example/?code=${secret}", headers: { authorization: ${secret} } }]`,
      {},
    );
    const text = JSON.stringify(redacted(settings));
    assert.ok(!text.includes(secret));
    assert.ok(text.includes("shop") && text.includes("https://f.example/"));
  });

  it("take Lambda functions by version, alias or none, and refuse what is only for HTTP", () => {
    const cart = "arn:aws:lambda:eu-west-1:123456789012:function:cart";
    const { functions } = readSettings(
      `functions:
  - { lambda: "${cart}:7", batch: { bytesMax: 5MB }, prefer: cost }
  - { lambda: "${cart}:live" }
  - { lambda: "${cart}" }`,
      {},
    );
    assert.deepEqual(
      functions.map(({ url }) => url),
      [`${cart}:7`, `${cart}:live`, `${cart}:$LATEST`],
    );
    assert.deepEqual([functions[0]?.limits.prefer, functions[0]?.limits.bytesMax], ["cost", 5 << 20]);
    const { problems } = refusal(`functions:
  - { lambda: "cart:7" }
  - { lambda: "${cart}:7", url: "http://a.example", encoding: protobuf, headers: { a: b } }
  - { lambda: "${cart}:7", batch: { bytesMax: 6MB } }`);
    assert.deepEqual(
      problems.map((problem) => problem.slice(0, problem.indexOf(":"))),
      [
        "functions[0].lambda",
        "functions[1].url",
        "functions[1].encoding",
        "functions[1].headers",
        "functions[2].lambda",
        "functions[2].batch.bytesMax",
      ],
    );
    assert.match(problems[0] ?? "", /'cart:7' is not arn:aws:lambda:REGION/);
    assert.match(problems[4] ?? "", /listed twice/);
  });

  it("refuse doors that are open to the network, unless that is stated", () => {
    assert.equal(refusal("listen: { ingress: 0.0.0.0:8080 }").code, "open_without_auth");
    assert.equal(refusal("listen: { admin: '[::]:9070' }").code, "open_without_auth");
    readSettings("listen: { ingress: 0.0.0.0:8080 }\ningress: { allowUnauthenticated: true }", {});
    readSettings("listen: { ingress: 0.0.0.0:8080 }\ningress: { auth: { kind: jwt, jwks: keys.json } }", {});
  });

  it("refuse algorithms that share a secret, short keys, and headers that carry credentials", () => {
    const text = `ingress:
  keepHeaders: [Authorization]
  auth: { kind: jwt, jwks: keys.json, algorithms: [HS256] }
admin: { auth: { kind: keys, keys: [{ principal: me, key: short }] } }`;
    const { problems } = refusal(text);
    assert.equal(problems.length, 3, problems.join("\n"));
  });

  it("that are no YAML, or hold a key twice, or a bomb, or are not there, are told with their place", () => {
    assert.match(refusal("shards: [").message, /line 1/);
    assert.match(refusal("shards: 1\nshards: 2").message, /unique/i);
    assert.equal(refusal("- 1").code, "config_invalid");
    assert.throws(() => readSettingsFile("/nowhere/holdfast.yaml", {}), { code: "config_unreadable" });
  });
});

describe("the nearest name", () => {
  it("is found for a slip, and not for another word", () => {
    const known = ["shards", "listen", "journal"];
    assert.equal(nearest("shrads", known), "shards");
    assert.equal(nearest("Listen", known), "listen");
    assert.equal(nearest("memory", known), null);
  });
});
