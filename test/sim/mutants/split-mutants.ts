/** Broken routers that split shards wrongly: docs/decisions/splitting.md says what each breaks. */
import type { Mutant } from "./mutant.js";

export const SPLIT_MUTANTS: readonly Mutant[] = [
  {
    name: "parked-messages-forgotten-at-a-split",
    file: "store/key-spaces/hash-range.js",
    from: "const at = space === TIMER_DUE_SPACE",
    to: "if (space === 4)\n        return false;\n    const at = space === TIMER_DUE_SPACE",
    why: "Halves do not see the inbox of their parent: what was taken, and acknowledged, never runs.",
  },
  {
    name: "split-before-all-is-flushed",
    file: "ownership/splitting.js",
    from: "if (!this.custody.isDirty)\n            return this.#name();",
    to: "if (this.#hasFlushed || !this.custody.isDirty)\n            return this.#name();",
    also: [
      {
        file: "ownership/custody.js",
        from: "this.shard.state.store.isThawed && !this.isDirty;",
        to: "this.shard.state.store.isThawed;",
      },
    ],
    why: "What came since the first flush is in the log alone, where no half looks for it.",
  },
  {
    name: "split-with-messages-under-way",
    file: "ownership/splitting.js",
    from: "this.shard.isReading || this.shard.isOwingMessages ||",
    to: "this.shard.isReading ||",
    why: "Messages of the shard that are not acknowledged have no sender any more.",
  },
  {
    name: "marks-forgotten-at-a-split",
    file: "shard/shard-state.js",
    from: "if (number !== parent)",
    to: "if (number !== parent && number < 0)",
    why: "Halves do not know what their parent has consumed: it runs again when it is sent again.",
  },
  {
    name: "halves-before-the-whole",
    file: "shard/messages.js",
    from: "if (this.#isBehind(message.targetShard))",
    to: "if (this.#isBehind(message.targetShard) && message.number < 0)",
    why: "What is sent to a half overtakes what was sent to the whole.",
  },
  {
    name: "halves-of-an-earlier-epoch",
    file: "ownership/splitting.js",
    from: "epoch: epoch + 1,",
    to: "epoch,",
    why: "A half's first entries bear its parent's epoch: what is late of the one counts for the other.",
  },
  {
    name: "halves-prepared-by-a-former-owner",
    file: "ownership/splitting.js",
    from: "if (found !== null && this.#epochOf(found) > epoch + 1)",
    to: "if (found !== null && this.#epochOf(found) < 0)",
    why: "Who wakes up late writes over what a later owner of the parent has prepared.",
  },
  {
    name: "segments-change-beside-their-halves",
    file: "ownership/custody.js",
    from: "if (this.#next !== null || this.isFixed)",
    to: "if (this.#next !== null)",
    also: [{ file: "ownership/custody.js", from: "if (!this.isLeaving)", to: "if (!this.isLeaving || this.isFixed)" }],
    why: "A merge ends between the halves' descriptors and the split: what they name is deleted.",
  },
  {
    name: "shared-segments-deleted-by-one-half",
    file: "ownership/custody.js",
    from: "makerOf(object)?.shard === this.shard.shard",
    to: "makerOf(object) !== undefined",
    why: "A half deletes what it no longer needs of its parent's segments, and the other does.",
  },
  {
    name: "half-opened-before-the-swap-is-answered",
    file: "ownership/holdings.js",
    from: "if (parent !== null && this.of(parent) !== null)",
    to: "if (parent !== null && this.of(parent) === undefined)",
    why: "A half that the directory shows is opened, and once more when the own swap ends.",
  },
  {
    name: "running-at-a-split-and-offered-again",
    file: "shard/invocations.js",
    from: "this.#context.host.dispatcher.abandon(slot);\n            for (const item of [...slot.running, ...slot.mailbox]) {",
    to: "for (const item of [...slot.running, ...slot.mailbox]) {",
    why: "An entity whose invocation still runs when its shard comes back as a half cannot be offered.",
  },
];
