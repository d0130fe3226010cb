import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { DEFAULT_POLICY, type EntityType } from "../../core/entity/entity-type.js";
import { DEFAULT_DEPLOYMENT_LIMITS } from "../config/settings.js";
import { decodeBook, encodeBook } from "./book-codec.js";
import { withCanary } from "./canary-book.js";
import {
  type DeploymentBook,
  EMPTY_BOOK,
  promoted,
  rolledBack,
  withDeployment,
  withEndpoint,
  withoutDeployment,
} from "./deployment-book.js";

const GOLDEN_1 = "test/golden/deployment-book-1.json";
const GOLDEN_2 = "test/golden/deployment-book-2.json";

function type(name: string): EntityType {
  const spec = (command: string) =>
    [command, { name: command, exposure: "public", inputSchema: null, replySchema: null }] as const;
  return {
    name,
    kind: "event-sourced",
    stateVersion: 2,
    commands: new Map([spec("add"), spec("expire")]),
    queries: new Map(),
    replies: new Set(["reserved"]),
    events: new Map([["added", { name: "added", eventVersion: 3 }]]),
    policy: { ...DEFAULT_POLICY, colocation: { kind: "prefix", separator: ":" } },
  };
}

function withPromoted(book: DeploymentBook, id: string, url: string, names: readonly string[], atMs: number): DeploymentBook {
  const registered = withDeployment(book, { id, url, registeredAtMs: atMs, types: names });
  const promotion = promoted(registered, id, names.map(type), false, atMs);
  assert.ok(promotion.kind === "promoted");
  return promotion.book;
}

function withStarted(before: DeploymentBook, id: string, url: string, atMs: number): DeploymentBook {
  const registered = withDeployment(before, { id, url, registeredAtMs: atMs, types: ["shop/cart"] });
  const terms = { weight: 500, faultsMax: 200, forMs: 600_000 };
  const stable = new Map([["shop/cart", type("shop/cart")]]);
  const start = withCanary(registered, id, [type("shop/cart")], stable, terms, false, atMs);
  assert.ok(start.kind === "started");
  return start.book;
}

const first = withPromoted(EMPTY_BOOK, "d-000000000001", "http://a", ["shop/cart", "shop/stock"], 1_000);
const book = withPromoted(first, "d-000000000002", "http://b", ["shop/cart"], 2_000);

describe("the book of deployments", () => {
  it("reads what version 1 wrote, and writes it byte for byte while it has nothing newer to say", () => {
    const golden = readFileSync(GOLDEN_1);
    assert.deepEqual(decodeBook(golden), book);
    assert.equal(Buffer.from(encodeBook(book)).toString(), golden.toString());
  });

  it("says in version 2 what serves no longer, what is a canary, and how canaries ended", () => {
    const replaced = withPromoted(book, "d-000000000003", "http://c", ["shop/cart"], 3_000);
    const ended = rolledBack(withStarted(replaced, "d-000000000004", "http://d", 4_000), 5_000);
    assert.ok(ended !== null);
    const whole = withStarted(ended, "d-000000000005", "http://e", 6_000);
    const golden = readFileSync(GOLDEN_2);
    assert.equal(Buffer.from(encodeBook(whole)).toString(), golden.toString());
    assert.deepEqual(decodeBook(golden), whole);
  });

  it("refuses a newer format, and what is no book, without touching it", () => {
    assert.throws(() => decodeBook(Buffer.from(`{"format":3}`)), { code: "format_newer" });
    assert.throws(() => decodeBook(Buffer.from("{")), { code: "document_damaged" });
    assert.throws(() => decodeBook(Buffer.from(`{"format":1}`)), { code: "document_damaged" });
  });

  it("goes back one change at a time", () => {
    assert.deepEqual(book.active, { "shop/cart": "d-000000000002", "shop/stock": "d-000000000001" });
    const back = rolledBack(book, 3_000);
    assert.deepEqual(back?.active, { "shop/cart": "d-000000000001", "shop/stock": "d-000000000001" });
    assert.equal(back === null ? null : rolledBack(back, 4_000), null, "before the first deployment nothing was active");
  });

  it("stays within its bounds, and forgets no deployment that serves or could be rolled back to", () => {
    let grown = book;
    for (let n = 0; n < 500; n++) {
      const id = `d-${(n + 16).toString(16).padStart(12, "0")}`;
      grown = withDeployment(grown, { id, url: `http://${n}`, registeredAtMs: n, types: ["x/y"] });
    }
    assert.equal(grown.deployments.length, 200);
    const ids = new Set(grown.deployments.map(({ id }) => id));
    assert.ok(ids.has("d-000000000001") && ids.has("d-000000000002"));
    let alternating = book;
    for (let n = 0; n < 25; n++) {
      alternating = withPromoted(alternating, "d-000000000001", "http://a", ["shop/cart", "shop/stock"], n);
      alternating = withPromoted(alternating, "d-000000000002", "http://b", ["shop/cart"], n);
    }
    assert.equal(alternating.past.length, 20);
  });
});

describe("a deployment that serves no longer", () => {
  const replaced = withPromoted(book, "d-000000000003", "http://c", ["shop/cart"], 3_000);
  const later = withPromoted(replaced, "d-000000000004", "http://d", ["shop/cart"], 4_000);
  const servedUntil = (of: DeploymentBook, id: string) => of.deployments.find((one) => one.id === id)?.servedUntilMs;

  it("is removed once it has rested, and not before", () => {
    const early = withoutDeployment(later, "d-000000000002", 3_999, 1_000);
    assert.ok(early.kind === "needed");
    assert.match(early.why, /other routers may still have invocations of it; try again in 1 s$/);
    assert.equal(withoutDeployment(later, "d-000000000002", 4_000, 1_000).kind, "removed");
  });

  it("rests again after each time that it served", () => {
    assert.deepEqual([servedUntil(later, "d-000000000002"), servedUntil(later, "d-000000000003")], [3_000, 4_000]);
    const back = rolledBack(later, 5_000);
    assert.ok(back !== null);
    assert.deepEqual([servedUntil(back, "d-000000000003"), servedUntil(back, "d-000000000004")], [undefined, 5_000]);
    assert.equal(servedUntil(back, "d-000000000001"), undefined, "it still serves another type");
  });
});

describe("what endpoints were registered with", () => {
  const endpoint = (url: string, inFlightMax: number) =>
    ({ url, limits: { ...DEFAULT_DEPLOYMENT_LIMITS, inFlightMax }, encoding: "json", headers: { "x-key": "k" } }) as const;

  it("is read back, replaced by what comes later, and forgotten with the last deployment there", () => {
    const kept = withEndpoint(withEndpoint(book, endpoint("http://a", 1)), endpoint("http://gone", 2));
    assert.deepEqual(decodeBook(encodeBook(kept)).endpoints, kept.endpoints);
    const later = withEndpoint(kept, endpoint("http://a", 3));
    assert.deepEqual(later.endpoints, [endpoint("http://a", 3)]);
  });
});
