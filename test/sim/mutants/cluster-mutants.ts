/**
 * Broken routers of a cluster: how logs end, how shards go from one to another, what routers tell one another, and leases.
 * Names in brackets are those of RULES.md.
 */
import type { Change, Mutant } from "./mutant.js";

/** The base is published in steps for its cost alone; with steps of one a simulation sees more of it. */
const BASE_IN_SMALL_STEPS: Change = { file: "ownership/upkeep.js", from: "const BASE_STEP = 256;", to: "const BASE_STEP = 1;" };

const LOGS: readonly Mutant[] = [
  {
    name: "no-seal",
    file: "ownership/log-end.js",
    from: "const body = ending.codec.encodeSeal(ending.by, ending.nextNonce());",
    to: "if (position > 0)\n        return then(position);\n    const body = ending.codec.encodeSeal(ending.by, ending.nextNonce());",
    why: "The log is taken to end where it was found to end, and nothing keeps its owner from writing on (skipSeal).",
  },
  {
    name: "seal-behind-a-hole",
    file: "ownership/log-end.js",
    from: "const body = ending.codec.encodeSeal(ending.by, ending.nextNonce());",
    to: "position += 1;\n    const body = ending.codec.encodeSeal(ending.by, ending.nextNonce());",
    why: "The seal leaves a position free in front of it (sealAfterHole).",
  },
  {
    name: "failed-seal-taken-for-a-seal",
    file: "ownership/log-end.js",
    from: 'if (outcome.kind === "taken")\n            return sealLog(',
    to: 'if (outcome.kind === "taken")\n            return then(position);\n        if (outcome.kind === "never")\n            return sealLog(',
    why: "What stands where the seal was to go is not looked at: it may be a record (sealAssume).",
  },
  {
    name: "claimed-before-the-seal",
    file: "ownership/holdings.js",
    from: "if (owner === null || formers.isOver(owner))",
    to: "if (owner === null || formers.isOver(owner) || membership.of(owner) !== null)",
    why: "A silent owner's shard is swapped before its log has ended (casBeforeSeal).",
  },
  {
    name: "range-one-short",
    file: "ownership/going-back.js",
    from: "from, to: node.seal }]",
    to: "from, to: node.seal - 1 }]",
    why: "The last record before the seal is not replayed.",
  },
  {
    name: "range-one-past-the-seal",
    file: "ownership/going-back.js",
    from: "from, to: node.seal }]",
    to: "from, to: node.seal + 1 }]",
    why: "The seal counts as one of the log's records.",
  },
  {
    name: "no-epoch-filter",
    temper: "restless",
    file: "ownership/replay.js",
    from: "epoch === range.epoch",
    to: "epoch >= 0",
    why: "A shard that comes back to a log it was in before replays its former entries as well (no epoch filter).",
  },
  {
    name: "records-of-a-lent-range-trimmed",
    file: "ownership/upkeep.js",
    from: "for (const from of this.#lentFromByShard.values())",
    to: "for (const from of [])",
    also: [BASE_IN_SMALL_STEPS],
    why: "What the next owner of a shard still needs of this log is trimmed (gcEarly).",
  },
  {
    name: "base-from-what-is-not-confirmed",
    file: "ownership/custody.js",
    from: "return this.#descriptor.covered + 1;",
    to: "return Math.max(this.#descriptor.covered, this.shard.state.store.pendingManifest()?.coveredTo ?? 0) + 1;",
    also: [BASE_IN_SMALL_STEPS],
    why: "Records go when a flush is written, though no manifest names it yet (baseUnconfirmed).",
  },
];

const MOVES: readonly Mutant[] = [
  {
    name: "hand-off-without-drain",
    file: "ownership/hand-off.js",
    from: "if (this.shard.lastPosition > this.#tools.log.durable)",
    to: "if (this.shard.lastPosition < 0)",
    why: "The shard goes while entries of it are not durable (handoffNoDrain).",
  },
  {
    name: "hand-off-taken-back-by-a-read",
    temper: "restless",
    file: "ownership/directory-client.js",
    from: "else if (standing !== swap.expected || swap.isOnce)",
    to: 'else if (standing === swap.expected && key.startsWith("shard/"))\n                this.#settle(swap, "lost");\n            else if (standing !== swap.expected || swap.isOnce)',
    also: [
      {
        file: "ownership/custody.js",
        from: 'if (end === "lost")\n                return this.#tools.lost(this.shard.shard);',
        to: 'if (end === "lost" && next.owner !== this.#descriptor.owner)\n                return this.takenBack?.();\n            if (end === "lost")\n                return this.#tools.lost(this.shard.shard);',
      },
      {
        file: "ownership/hand-off.js",
        from: "this.#ownRangeFrom = this.custody.handOver(",
        to: "this.custody.takenBack = () => { this.custody.isLeaving = false; this.shard.reopen(); this.shard.unpause(); this.#tools.kept(this); };\n        this.#ownRangeFrom = this.custody.handOver(",
      },
      {
        file: "shard/shard.js",
        from: "get lastPosition() {",
        to: "reopen() {\n        this.#isOpen = true;\n        this.#isClosed = false;\n        this.#invocations.reopen();\n    }\n    get lastPosition() {",
      },
      {
        file: "shard/invocations.js",
        from: "get isRunning() {",
        to: "reopen() {\n        this.#isOver = false;\n    }\n    get isRunning() {",
      },
    ],
    why: "A read that finds the old descriptor decides that the swap has failed: it may still land (abortByRead).",
  },
  {
    name: "stopped-before-others-have-answered",
    temper: "patient",
    file: "ownership/closing.js",
    from: "!forwarding.isWaitedFor && gate.held === 0",
    to: "gate.held === 0",
    why: "A router stops while its clients wait for what another one still does for them.",
  },
  {
    name: "requests-resent-as-new",
    file: "peers/forwarding.js",
    from: 'return asked.kind === "commandArrived" ? { ...asked, isRepeat: true } : asked;',
    to: "return asked;",
    why: "A command that goes to the next owner is not known to have been at the last one: it runs twice (RULES.md 10).",
  },
  {
    name: "repeats-refused-before-they-are-looked-for",
    file: "shard/arrivals.js",
    from: "if (input.isRepeat)\n            this.#repeated(input, spec);\n        else\n            this.#begin(input, spec);",
    to: "this.#begin(input, spec);",
    why: "What has run is answered as refused for want of room when it is asked for again.",
  },
];

const MESSAGES: readonly Mutant[] = [
  {
    name: "messages-sent-before-they-are-durable",
    file: "peers/delivery.js",
    from: "this.#out(to, frame);\n",
    to: "this.#out(to, frame, 0);\n",
    why: "A message is consumed at another node, and its birth is lost (sendUngated).",
  },
  {
    name: "acknowledged-before-the-mark-is-durable",
    file: "peers/delivery.js",
    from: "numbers });\n            }",
    to: "numbers }, 0);\n            }",
    why: "The sender forgets what its target may still lose (msgAckUngated).",
  },
  {
    name: "streams-without-order",
    file: "peers/delivery.js",
    from: "previous === receiving.last && shard",
    to: "shard",
    why: "A gap in a stream goes unnoticed: what comes behind it runs first (noStream).",
  },
  {
    name: "marks-forgotten-at-a-move",
    file: "shard/shard-state.js",
    from: "for (const [source, marks] of value.marksBySource)",
    to: "for (const [source, marks] of [])",
    why: "What was consumed before a flush is consumed again (forgetMarks).",
  },
  {
    name: "no-dedupe",
    file: "shard/messages.js",
    from: "if (this.#context.state.marksOf(sourceShard).has(number)) {",
    to: "if (number < 0) {",
    why: "A message that comes again runs again (noDedupe).",
  },
];

const LEASES: readonly Mutant[] = [
  {
    name: "heartbeat-not-fenced",
    temper: "sleepy",
    file: "ownership/own-node.js",
    from: 'if (end === "lost")\n                this.#tools.lost();\n            else\n                then();',
    to: "this.#lease.renew(this.#now);\n            this.#nextHeartbeatMs = this.#now.monotonicMs + 300;\n            then();",
    why: "Who was declared dead goes on counting on its lease.",
  },
  {
    name: "observer-counts-from-its-first-look",
    file: "ownership/membership.js",
    from: "return { document, token, sinceMs: nowMs, hasRenewed: true, isLate: false, isSilent: false };",
    to: "return { document, token, sinceMs: before.sinceMs, hasRenewed: true, isLate: false, isSilent: nowMs - before.sinceMs >= lease.observeMs };",
    why: "The wait begins with the first look at a node, not with that at its last heartbeat (observer from its own start).",
  },
  {
    name: "lease-as-long-as-the-wait",
    temper: "sleepy",
    file: "ownership/lease.js",
    from: "ageMs < this.#limits.leaseMs",
    to: "ageMs < this.#limits.observeMs",
    why: "An observer whose clock is faster has waited long enough while the lease still holds (clock at double speed).",
  },
  {
    name: "feed-served-after-the-lease",
    temper: "sleepy",
    file: "log/gate.js",
    from: 'const isFact = output.kind === "peerSend";',
    to: 'const isFact = output.kind === "peerSend" || output.kind === "feed";',
    why: "What a feed shows leaves as soon as it is durable, whoever has the shard by then.",
  },
  {
    name: "lease-by-a-clock-that-may-stand-still",
    file: "ownership/lease.js",
    from: "Math.max(now.monotonicMs - sent.monotonicMs, now.wallMs - sent.wallMs)",
    to: "now.monotonicMs - sent.monotonicMs",
    why: "A machine that was asleep has a lease from before (stopped clock).",
  },
  {
    name: "strict-read-without-barrier",
    temper: "sleepy",
    file: "requests.js",
    from: "opened.barrier.pass(() => this.take(this.#proven(asked, shard, opened)));",
    to: "this.take(this.#proven(asked, shard, opened));",
    why: "A strict read is as good as the clocks.",
  },
];

const VERSIONS: readonly Mutant[] = [
  {
    name: "format-floor-not-looked-at",
    temper: "upgrading",
    file: "joined-node.js",
    from: "cluster.recordFormatFloor >= RECORD_FORMAT_WITH_VALUES",
    to: "cluster.recordFormatFloor >= 0",
    why: "Records of a newer format are written while routers live that cannot read them.",
  },
  {
    name: "format-floor-raised-beside-an-older-router",
    temper: "upgrading",
    file: "ownership/format-floor.js",
    from: "const known = Math.min(...living.map(({ recordFormat }) => recordFormat));",
    to: "const known = Math.max(...living.map(({ recordFormat }) => recordFormat));",
    also: [{ file: "ownership/format-floor.js", from: "const AGREED_FOR_MS = 60_000;", to: "const AGREED_FOR_MS = 2_000;" }],
    why: "The floor is what the newest router knows, not what the oldest does.",
  },
];

export const CLUSTER_MUTANTS: readonly Mutant[] = [...LOGS, ...MOVES, ...MESSAGES, ...LEASES, ...VERSIONS];
