import assert from "node:assert/strict";
import { test } from "node:test";
import { Lease } from "./lease.js";

const LIMITS = { heartbeatEveryMs: 100, leaseMs: 300, observeMs: 600 };

test("a lease holds from the moment a renewal was sent, for as long as it says", () => {
  const lease = new Lease(LIMITS);
  assert.equal(lease.holdsAt({ wallMs: 0, monotonicMs: 0 }), false, "nothing has been renewed yet");
  lease.renew({ wallMs: 1_000, monotonicMs: 50 });
  assert.equal(lease.holdsAt({ wallMs: 1_299, monotonicMs: 349 }), true);
  assert.equal(lease.holdsAt({ wallMs: 1_300, monotonicMs: 350 }), false);
});

test("of two clocks the one that shows more decides", () => {
  const lease = new Lease(LIMITS);
  lease.renew({ wallMs: 1_000, monotonicMs: 50 });
  assert.equal(lease.holdsAt({ wallMs: 9_000, monotonicMs: 60 }), false, "the machine slept");
  assert.equal(lease.holdsAt({ wallMs: 0, monotonicMs: 350 }), false, "the clock was set back");
  assert.equal(lease.holdsAt({ wallMs: 0, monotonicMs: 349 }), true);
});

test("without limits it always holds, and limits that two clocks of different rates could break are refused", () => {
  assert.equal(new Lease(null).holdsAt({ wallMs: 0, monotonicMs: 0 }), true);
  assert.throws(() => new Lease({ ...LIMITS, observeMs: 599 }), RangeError);
});
