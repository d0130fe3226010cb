/** What callers and functions get wrong: each gets a clear error, and afterwards everything is as it was. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import { type Reply, until, World } from "./world.js";

let world: World;
let additions = 0;
before(async () => {
  world = await World.started();
});
after(() => world.end());

/** A good command still works, and its entity has counted every good command before it. */
afterEach(async () => {
  additions += 1;
  const reply = await world.add("good");
  assert.deepEqual([reply.status, reply.text], [200, String(additions)]);
});

const ADD = "/e2e/counter/bad/add";

function checkRefused(reply: Reply, status: number, code: string, detail: RegExp = /./, source = "router"): void {
  assert.deepEqual([reply.status, reply.code], [status, code], reply.text);
  const document = JSON.parse(reply.text) as { detail: string; type: string };
  assert.match(document.detail, detail);
  assert.equal(document.type, `/$errors/${code}`);
  assert.equal(reply.headers["holdfast-error-source"], source);
}

describe("a caller's mistake", () => {
  it("of an unknown type is told which types exist", async () => {
    const reply = await world.post("/e2e/countre/a/add", "{}");
    checkRefused(reply, 404, "unknown_type");
    assert.match(reply.text, /e2e\/counter/);
  });

  it("of an unknown command is told which exist, and internal ones are not among them", async () => {
    for (const name of ["ad", "hidden", "constructor"]) {
      const reply = await world.post(`/e2e/counter/a/${name}`, "{}");
      checkRefused(reply, 404, "unknown_command");
      const { exists } = JSON.parse(reply.text) as { exists: unknown };
      assert.deepEqual(exists, { commands: ["add", "slow"], queries: ["total"] });
    }
  });

  it("of malformed JSON is told at which byte", async () => {
    for (const body of ['{"by":1', "{'by':1}", '{"by":01}', '{"by":1}}', "NaN", '{"a":1,}', "\u0000"]) {
      const reply = await world.post(ADD, body);
      checkRefused(reply, 400, "malformed_json");
      assert.equal(typeof (JSON.parse(reply.text) as { offset: unknown }).offset, "number");
    }
  });

  it("of a wrong content type is told the right one", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded"]) {
      checkRefused(await world.post(ADD, "{}", { "content-type": type }), 415, "unsupported_media_type", /application\/json/);
    }
    const charset = { "content-type": "application/json; charset=latin1" };
    checkRefused(await world.post(ADD, "{}", charset), 415, "unsupported_media_type", /utf-8/);
    checkRefused(await world.post(ADD, "{}", { "content-encoding": "gzip" }), 415, "unsupported_media_type");
  });

  it("of an oversized body is refused, announced or not", async () => {
    const body = JSON.stringify("x".repeat(1_100_000));
    checkRefused(await world.post(ADD, body), 413, "body_too_large", /1048576|1 MB/);
    checkRefused(await world.post(ADD, body, { "transfer-encoding": "chunked" }), 413, "body_too_large");
  });

  it("of a bad id is refused, never repaired", async () => {
    const ids = [
      "%00",
      "a%0Ab",
      "%7F",
      ".",
      "..",
      "%2E%2e",
      "%FF",
      "%ED%A0%80",
      "%C0%AF",
      "%zz",
      "x".repeat(257),
      "%C3%A9".repeat(129),
    ];
    for (const id of ids) checkRefused(await world.post(`/e2e/counter/${id}/add`, "{}"), 400, "bad_id");
    assert.equal((await world.post("/e2e/counter//add", "{}")).status, 400, "an empty id");
  });

  it("of an id of 256 bytes, of one with a slash, of two normal forms of a letter, is none", async () => {
    for (const id of ["x".repeat(256), "a%2Fb", "%C3%A9", "e%CC%81"]) assert.equal((await world.add(id)).text, "1", id);
    assert.equal((await world.add("%C3%A9")).text, "2");
    assert.equal(await world.total("e%CC%81"), 1);
  });

  it("of a reserved name is told so", async () => {
    for (const path of ["/e2e/counter/a/$purge", "/e2e/counter/a/$", "/$nothing/a/b"]) {
      const reply = await world.post(path, "{}");
      assert.deepEqual([reply.status, reply.headers["holdfast-error-source"]], [404, "router"], path);
    }
    checkRefused(await world.post("/e2e/counter/a/$purge", "{}"), 404, "reserved_name");
  });

  it("of an absurd delay is told the limit", async () => {
    for (const delay of ["367d", "99999999999999d", "9007199254740993ms"]) {
      const reply = await world.post(`${ADD}?mode=send&delay=${delay}`, "{}");
      assert.equal(reply.status, 400, delay);
      assert.ok(reply.code === "delay_too_long" || reply.code === "bad_parameter", reply.text);
    }
    checkRefused(await world.post(`${ADD}?mode=send&delay=367d`, "{}"), 400, "delay_too_long", /366d/);
    for (const delay of ["-1s", "1e3s", "5", "soon", "NaN", "1.5h"]) {
      checkRefused(await world.post(`${ADD}?mode=send&delay=${delay}`, "{}"), 400, "bad_parameter", /delay/);
    }
    checkRefused(await world.post(`${ADD}?delay=5s`, "{}"), 400, "bad_parameter", /mode=send/);
  });

  it("of bytes that are no UTF-8 is told so", async () => {
    for (const bytes of [
      [0x22, 0xed, 0xa0, 0x80, 0x22],
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0xaf, 0x22],
    ]) {
      checkRefused(await world.post(ADD, Buffer.from(bytes)), 400, "malformed_utf8");
    }
  });

  it("leaves nothing behind", async () => {
    const { text } = await world.get("/e2e/counter/bad");
    assert.deepEqual(JSON.parse(text), { version: 0, state: null });
  });
});

describe("a payload", () => {
  const PAYLOADS = {
    "numbers beyond 2^53": '{"id":9007199254740993,"big":12345678901234567890,"price":1.10,"minus":-0,"tiny":1e-999}',
    "1e999": "[1e999,-1e999,1E+999]",
    "keys that would pollute prototypes": '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"a":1,"a":2}',
    "lone surrogates, escaped": '["\\ud800","\\udc00\\ud800","\\u0000","é"]',
    "white space and the order of keys": '{ "b" : 1 ,\n"a":\t2 }',
  };
  for (const [what, payload] of Object.entries(PAYLOADS)) {
    it(`with ${what} goes through byte for byte: to the function, into the state, over a restart's replay, and back`, async () => {
      const id = encodeURIComponent(what);
      const reply = await world.post(`/e2e/echo/${id}/put`, payload);
      assert.deepEqual([reply.status, reply.text], [200, payload]);
      assert.equal((await world.get(`/e2e/echo/${id}`)).text, `{"version":1,"state":${payload}}`);
    });
  }

  it("is still the same after kill -9", async () => {
    await world.killAndRestart();
    for (const [what, payload] of Object.entries(PAYLOADS)) {
      assert.equal((await world.get(`/e2e/echo/${encodeURIComponent(what)}`)).text, `{"version":1,"state":${payload}}`);
    }
    assert.equal(({} as { polluted?: number }).polluted, undefined);
  });
});

describe("a function's mistake", () => {
  const MISTAKES: Readonly<Record<string, readonly [what: string, said: RegExp]>> = {
    wrongEntity: ["an entity that was not asked for", /answer_wrong_entity/],
    tooManyOutcomes: ["more outcomes than commands", /outcome/],
    unknownEffect: ["an effect that does not exist", /effect/],
    invalidJson: ["invalid JSON", /answer_not_json/],
    redirect: ["a redirect", /answer_redirect/],
    nothing: ["nothing", /answer_empty/],
    huge: ["50 MB", /answer_too_large/],
    page: ["a web page", /answer_content_type/],
    hangUp: ["a broken connection", /connection|socket|closed|hung/i],
    never: ["no answer, ever", /time|300 ms/i],
  };
  for (const [how, [what, said]] of Object.entries(MISTAKES)) {
    it(`of answering ${what} fails that command alone, says what came back, and leaves no trace`, async () => {
      const reply = await world.post(`/e2e/odd/${how}/answer`, JSON.stringify({ how }));
      checkRefused(reply, 502, "function_faulted", said, "function");
      assert.deepEqual(JSON.parse((await world.get(`/e2e/odd/${how}`)).text), { version: 0, state: null });
      const good = await world.post(`/e2e/odd/${how}/answer`, '{"how":"fine"}');
      assert.deepEqual([good.status, good.text], [200, '"fine"'], "the entity goes on");
    });
  }

  it("of failing whatever it is asked tells its callers so at their deadline, and costs nobody an attempt", async () => {
    const call = (id: number) => world.post(`/e2e/odd/every${id}/answer`, '{"how":"page"}', { "holdfast-deadline": "1500ms" });
    const replies = await Promise.all(Array.from({ length: 12 }, (_, id) => call(id)));
    const last = replies.filter(({ code }) => code === "function_unavailable");
    assert.ok(last.length > 0, replies.map(({ code }) => code).join());
    for (const reply of last) checkRefused(reply, 503, "function_unavailable", /answer_content_type/);
    for (const { code } of replies) assert.ok(code === "function_unavailable" || code === "function_faulted", String(code));
    assert.equal((await world.post("/e2e/odd/after/answer", "{}")).status, 200, "the endpoint is used again once it answers");
  });

  it("of a state over the limit refuses the command with the size, and keeps the old state", async () => {
    assert.equal((await world.post("/e2e/odd/big/answer", '{"how":"small"}')).status, 200);
    const reply = await world.post("/e2e/odd/big/answer", '{"how":"bigState"}');
    checkRefused(reply, 422, "state_too_large", /2,?000,?002/, "function");
    assert.deepEqual(JSON.parse((await world.get("/e2e/odd/big")).text), { version: 1, state: "small" });
  });
});

describe("a client that leaves early", () => {
  it("takes nothing with it: the command goes on, and its outcome can be asked for", async () => {
    const { hostname, port } = new URL(world.url);
    const socket = connect(Number(port), hostname);
    const body = '{"ms":150}';
    const head = `POST /e2e/counter/left/slow HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nidempotency-key: k\r\n`;
    socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await until(async () => (await world.total("left")) === 1);
    const again = await world.post("/e2e/counter/left/slow", body, { "idempotency-key": "k" });
    assert.deepEqual([again.status, again.text], [200, "1"]);
  });

  it("in the middle of its body leaves nothing", async () => {
    const { hostname, port } = new URL(world.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `POST /e2e/counter/half/add HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{"by"`,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    assert.equal(await world.total("half"), 0);
  });
});
