import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StandStill, Watch } from "./stand-still.js";

const STAND_STILL_MS = 40;

describe("the watch of a run", () => {
  it("ends the run when no definite answer has come for as long as is allowed", async () => {
    const watch = new Watch({ definite: 7 }, STAND_STILL_MS);
    await assert.rejects(watch.run(new AbortController().signal), StandStill);
    assert.ok(watch.longestMs > STAND_STILL_MS);
  });

  it("does not as long as answers come", async () => {
    const over = new AbortController();
    let looks = 0;
    const answers = {
      get definite() {
        if (++looks === 20) over.abort();
        return looks;
      },
    };
    await new Watch(answers, STAND_STILL_MS).run(over.signal);
    assert.ok(looks >= 20);
  });
});
