import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, it } from "node:test";
import { cartType, catalog } from "./fake-core.js";
import { ask, post, raw, withIngress } from "./running-ingress.js";

const ADD = "/shop/cart/c1/add";
const HEAD = `POST ${ADD} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;

describe("hostile input at the ingress", () => {
  it("refuses malformed JSON with the offset, and what is not UTF-8", async () => {
    await withIngress({}, async ({ url, core }) => {
      const reply = await post(url + ADD, `{"a":1,}`);
      assert.deepEqual([reply.status, reply.code, reply.json["offset"]], [400, "malformed_json", 7]);
      for (const body of ["nonsense", "{", `"`, "1 2", "NaN", `{"a":01}`, `"\\ud8"`, "\ufeff1", " "]) {
        assert.equal((await post(url + ADD, body)).code, "malformed_json", body);
      }
      for (const bytes of [
        [0x22, 0xff, 0x22],
        [0x22, 0xed, 0xa0, 0x80, 0x22],
        [0x22, 0xc0, 0x80, 0x22],
      ]) {
        assert.equal((await post(url + ADD, Uint8Array.from(bytes))).code, "malformed_utf8");
      }
      assert.equal(core.inputs.length, 0);
    });
  });

  it("refuses content types other than JSON in UTF-8", async () => {
    await withIngress({}, async ({ url }) => {
      for (const type of [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "application/jsonx",
      ]) {
        const reply = await post(url + ADD, "1", { "content-type": type });
        assert.deepEqual([reply.status, reply.code], [415, "unsupported_media_type"], type);
      }
      assert.equal((await post(url + ADD, "1", { "content-encoding": "gzip" })).status, 415);
      for (const type of ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json;"]) {
        assert.equal((await post(url + ADD, "1", { "content-type": type })).status, 200, type);
      }
    });
  });

  it("refuses a body over the limit, announced or not, and the client sees it", async () => {
    await withIngress({ limits: { bodyBytesMax: 1_000 } }, async ({ url, port, budget }) => {
      assert.equal((await post(url + ADD, `"${"x".repeat(998)}"`)).status, 200);
      const reply = await post(url + ADD, `"${"x".repeat(3_000_000)}"`);
      assert.deepEqual([reply.status, reply.code, reply.json["limit"]], [413, "body_too_large", 1_000]);
      const chunk = `400\r\n${"x".repeat(0x400)}\r\n`;
      const chunked = await raw(port, `${HEAD}transfer-encoding: chunked\r\n\r\n${chunk.repeat(50)}0\r\n\r\n`);
      assert.match(chunked, /^HTTP\/1.1 413 .*body_too_large/s);
      const expecting = await raw(port, `${HEAD}expect: 100-continue\r\ncontent-length: 5000\r\n\r\n${"x".repeat(5_000)}`);
      assert.match(expecting, /^HTTP\/1.1 413 /);
      assert.equal(budget.bytes, 0);
    });
  });

  it("tells a client that expects it to go on", async () => {
    await withIngress({}, async ({ port }) => {
      const answer = await raw(port, `${HEAD}expect: 100-continue\r\ncontent-length: 1\r\nconnection: close\r\n\r\n1`);
      assert.match(answer, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 /);
    });
  });

  it("refuses every bad id", async () => {
    await withIngress({}, async ({ port, core }) => {
      const bad = [
        "",
        "%2E",
        "%2e%2E",
        "%00",
        "%1f",
        "%7F",
        "%C2%80",
        "%ED%A0%80",
        "%FF",
        "%",
        "%G0",
        "%C3",
        "x".repeat(257),
        "\u00e9",
      ];
      for (const id of bad) {
        const answer = await raw(
          port,
          Buffer.from(`GET /shop/cart/${id} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`, "latin1"),
        );
        assert.match(answer, /^HTTP\/1.1 400 .*("code":"bad_id"|malformed_http)/s, id);
      }
      assert.equal(core.inputs.length, 0);
    });
  });

  it("keeps names that begin with '$' to the router", async () => {
    await withIngress({}, async ({ url }) => {
      for (const path of [
        "/shop/cart/c1/$nothing",
        "/shop/cart/c1/%24nothing",
        "/shop/cart/c1/$commands",
        "/shop/cart/c1/$commands/a/b",
      ]) {
        const reply = await post(url + path, "1");
        assert.deepEqual([reply.status, reply.code], [404, "reserved_name"], path);
      }
    });
  });

  it("knows no other paths", async () => {
    await withIngress({}, async ({ url }) => {
      for (const path of [
        "/",
        "/shop",
        "/shop/cart",
        "/shop/cart/c1/add/more",
        "/shop/cart/c1/",
        "/$errors/nothing",
        "/$errors/toString",
      ]) {
        const reply = await ask(url + path);
        assert.deepEqual([reply.status, reply.code], [404, "bad_path"], path);
      }
    });
  });

  it("finds no type or command in prototypes", async () => {
    await withIngress({ served: [cartType()] }, async ({ url }) => {
      assert.equal((await post(`${url}/shop/__proto__/c1/add`, "1")).code, "unknown_type");
      for (const name of ["__proto__", "constructor", "toString"]) {
        assert.equal((await post(`${url}/shop/cart/c1/${name}`, "1")).code, "unknown_command");
      }
    });
  });

  it("says 503 while nobody knows what is registered", async () => {
    await withIngress({ types: { ...catalog([]), isOpen: false } }, async ({ url }) => {
      const reply = await post(url + ADD, "1");
      assert.deepEqual([reply.status, reply.code], [503, "starting"]);
    });
  });

  it("says 503 while configured endpoints have not said what they serve", async () => {
    const types = catalog([], ["http://localhost:9000"]);
    await withIngress({ types }, async ({ url }) => {
      const reply = await post(url + ADD, "1");
      assert.deepEqual([reply.status, reply.code], [503, "function_unavailable"]);
      assert.doesNotMatch(reply.text, /9000/, "endpoints are nobody's business");
    });
  });

  it("answers bytes that are no HTTP, headers without end, and smuggling attempts, with an error of its own", async () => {
    await withIngress({}, async ({ port }) => {
      assert.match(await raw(port, "\x16\x03\x01\x02\x00\x01\x00"), /^HTTP\/1.1 400 .*malformed_http/s);
      const long = await raw(port, `GET /shop/cart/c1 HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
      assert.match(long, /^HTTP\/1.1 431 .*headers_too_large/s);
      const both = await raw(port, `${HEAD}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`);
      assert.match(both, /^HTTP\/1.1 400 /);
    });
  });

  it("bounds the bytes that all bodies hold together, and lets them go", async () => {
    await withIngress({ limits: { bodyBytesTotalMax: 10_000 } }, async ({ url, core, budget }) => {
      core.behaviour = () => null;
      const controller = new AbortController();
      const body = JSON.stringify("x".repeat(6_000));
      const init = { method: "POST", body, headers: { "content-type": "application/json" }, signal: controller.signal };
      const first = fetch(url + ADD, init);
      while (core.inputs.length === 0) await turn();
      const second = await post(url + ADD, body);
      assert.deepEqual([second.status, second.code], [503, "overloaded"]);
      controller.abort();
      await assert.rejects(first);
      while (core.left.length === 0) await turn();
      assert.equal(budget.bytes, 0);
    });
  });

  it("bounds the requests that wait", async () => {
    await withIngress({ limits: { requestsMax: 2 } }, async ({ url, core, ingress }) => {
      core.behaviour = () => null;
      const controller = new AbortController();
      const waiting = [1, 2].map(() => fetch(`${url}/shop/cart/c1`, { signal: controller.signal }));
      while (core.inputs.length < 2) await turn();
      const third = await ask(`${url}/shop/cart/c1`);
      assert.deepEqual([third.status, third.code, third.headers.get("retry-after")], [503, "overloaded", "1"]);
      controller.abort();
      await Promise.allSettled(waiting);
      while (ingress.openRequests > 0) await turn();
      assert.equal(core.table.size, 0);
    });
  });

  it("forgets a client that leaves before its answer, and drops the late answer", async () => {
    await withIngress({}, async ({ port, core }) => {
      core.behaviour = () => null;
      const socket = connect(port, "127.0.0.1");
      socket.write(`${HEAD}content-length: 1\r\n\r\n1`);
      while (core.inputs.length === 0) await turn();
      socket.destroy();
      while (core.left.length === 0) await turn();
      const { request } = core.command;
      assert.deepEqual(core.left, [request]);
      assert.equal(core.table.answer(request, { kind: "done" }), false);
    });
  });

  it("answers pipelined requests in order", async () => {
    await withIngress({}, async ({ port, core }) => {
      const held: number[] = [];
      core.behaviour = (input) => {
        held.push(input.request);
        if (held.length === 2)
          for (const request of [...held].reverse()) core.table.answer(request, { kind: "state", version: request, state: null });
        return null;
      };
      const one = "GET /shop/cart/c1 HTTP/1.1\r\nhost: a\r\n\r\n";
      const answer = await raw(port, one + one.replace("host: a", "host: a\r\nconnection: close"));
      assert.deepEqual(
        [...answer.matchAll(/"version":(\d+)/g)].map((match) => Number(match[1])),
        held,
      );
    });
  });
});

describe("web pages at the ingress", () => {
  it("of other origins are refused where nobody authenticates, those of the same host are not", async () => {
    await withIngress({}, async ({ url }) => {
      const reply = await post(url + ADD, "1", { origin: "https://evil.example" });
      assert.deepEqual([reply.status, reply.code], [403, "origin_not_allowed"]);
      assert.equal(reply.headers.get("access-control-allow-origin"), null);
      assert.equal((await post(url + ADD, "1", { origin: url })).status, 200);
    });
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
