/**
 * Broken routers: each is one small change of the compiled core, by exact text. A simulation of one must find a violation,
 * or the checker that it is meant for proves nothing.
 */

import { CLUSTER_MUTANTS } from "./cluster-mutants.js";
import type { Mutant } from "./mutant.js";
import { SPLIT_MUTANTS } from "./split-mutants.js";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "acknowledge-before-durable",
    file: "log/gate.js",
    from: "if (position <= this.#durable && (this.#isLeased || isFact)) {",
    to: "if (position >= 0) {",
    why: "Outputs leave at once, whatever they saw: a crash takes back what was answered.",
  },
  {
    name: "forget-the-nonce",
    file: "log/log-writer.js",
    from: "const nonce = this.#openNonce;",
    to: "const nonce = this.#nextNonce();",
    why: "The writer forgets which nonce a record bears: its own record, found after an uncertain append, is somebody else's to it.",
  },
  {
    name: "take-unknown-for-failed",
    file: "log/log-writer.js",
    from: 'this.#setStatus(record, "looking");\n                effects.push(this.#look(record));\n                return;',
    to: 'this.#pendingBytes += record.body.length;\n                this.#pending.push({ ...record, position: this.#nextPosition++, status: "queued" });\n                return this.#succeed(record, nowMs);',
    why: "An append whose end nobody knows has failed, so its entries go to the next position. Trying the same position again would be safe, and is what refusals do.",
  },
  {
    name: "skip-a-position",
    file: "log/log-writer.js",
    from: "while (this.#pending[done]?.isDone === true) {",
    to: "while (this.#pending[done] !== undefined && this.#pending[done].position <= record.position) {",
    why: "The durable prefix passes over positions that have not succeeded, once a later one has.",
  },
  {
    name: "replay-from-one-too-far",
    file: "ownership/going-back.js",
    from: "Math.max(covered + 1, node.base)",
    to: "Math.max(covered + 2, node.base)",
    why: "The first record that no segment covers is not replayed.",
  },
  {
    name: "consumed-mark-after-the-effects",
    file: "shard/invocations.js",
    from: "const position = this.#context.commit(body, fold);",
    to: `const { marksOf, withoutMarks } = {
            marksOf: { ...body, previousVersion: body.version, state: undefined, events: [], born: [], timersSet: [], timersCancelled: [], timersPast: [], withdrawn: [], withdrawnInbox: [] },
            withoutMarks: { ...body, consumed: [] },
        };
        const position = this.#context.commit(withoutMarks, fold);
        this.#context.host.log.cut(this.#context.host.tickMs);
        this.#context.commit(marksOf, null);`,
    why: "An entry is atomic, so the marks go into a second one, in the next record: a crash between the two runs a command twice.",
  },
  {
    name: "timer-fires-early",
    file: "shard/timers.js",
    from: "state.timers.popDue(nowMs);",
    to: "state.timers.popDue(nowMs + 20);",
    why: "A timer comes due up to 20 ms before its time.",
  },
  {
    name: "cancel-ignored-when-due",
    file: "shard/proposal.js",
    from: 'withdrawn: withdrawn.filter((number) => !this.#isConsumed("message", number)),',
    to: "withdrawn: [],",
    why: "A timer that has come due, and whose command waits behind the one that cancels it, runs all the same.",
  },
  {
    name: "late-answer-accepted",
    file: "invoking.js",
    from: "this.#attemptByNumber.delete(attempt);",
    to: `open.slots.forEach((slot, n) => Object.defineProperty(open.slots, n, { get: () => (slot?.status === "running" ? slot : null), set: () => undefined }));`,
    why: "An attempt that is over still finds its entities, which run another attempt by now.",
  },
  {
    name: "refusal-keeps-an-event",
    file: "shard/proposal.js",
    from: `case "refused":
                this.#checkPayload("refusal", result.details);`,
    to: `case "refused":
                if (this.#slot.spec.kind === "event-sourced")
                    this.#emit({ name: [...this.#slot.spec.events.keys()][0], eventVersion: 1, data: new TextEncoder().encode(JSON.stringify({ t: item.command.id, k: "kept" })) });`,
    why: "A refusal carries no events by its type, so one is made up for it: the entity's history has a line of what was refused.",
  },
  {
    name: "flush-includes-what-is-not-durable",
    file: "ownership/custody.js",
    from: "if (manifest.coveredTo !== null && manifest.coveredTo > this.#tools.log.durable)",
    to: "if (manifest.coveredTo !== null && manifest.coveredTo < 0)",
    why: "The manifest names a segment with entries that may never become durable.",
  },
  {
    name: "compaction-drops-the-newest-tombstone",
    file: "store/segment-merge.js",
    from: "if (!this.#job.isBottom)",
    to: "if (this.#job.nowMs < 0)",
    why: "A merge leaves out a tombstone that is a key's newest version, though older versions lie below it: what was deleted comes back.",
  },
  {
    name: "idempotency-stored-after-the-reply",
    file: "shard/invocations.js",
    from: "const position = this.#context.commit(body, fold);",
    to: `const results = body.consumed.filter((one) => one.result !== null).map((one) => ({ ...one, origin: { kind: "client" }, deadLetter: null }));
        const position = this.#context.commit({ ...body, consumed: body.consumed.map((one) => ({ ...one, result: null })) }, fold);
        if (results.length > 0) {
            if (this.unstored !== undefined)
                this.#context.commit(this.unstored, null);
            this.unstored = { ...body, previousVersion: body.version, state: undefined, events: [], consumed: results, born: [], timersSet: [], timersCancelled: [], timersPast: [], withdrawn: [], withdrawnInbox: [] };
        }`,
    why: "What later duplicates are answered with is stored with the shard's next results, and the reply does not wait for it.",
  },
  {
    name: "skipped-command-out-of-order",
    file: "shard/invocations.js",
    from: "slot.mailbox.unshift(fault.item, ...skipped);",
    to: "slot.mailbox.unshift(...[...skipped].reverse(), fault.item);",
    why: "What was skipped behind a fault runs before it, the last first.",
  },
  {
    name: "outbox-forgotten-on-send",
    file: "shard/messages.js",
    from: "if (!this.#send(message))",
    to: "if (this.#send(message))\n                this.acknowledged(message.targetShard, message.number);\n            else",
    why: "A message counts as acknowledged when it was sent: a crash before its target has consumed it loses it.",
  },
  {
    name: "seal-at-the-wrong-position",
    file: "ownership/log-end.js",
    from: 'if (outcome.kind === "happened")\n            return then(position);',
    to: 'if (outcome.kind === "happened")\n            return then(position - 1);',
    why: "The log ends one position before its seal. (With the seal one too far nothing would be lost: what may land in between was never acknowledged.)",
  },
  {
    name: "duplicate-acknowledged-before-the-original",
    file: "shard/arrivals.js",
    from: "this.#context.answer(request, this.#context.host.log.last, answer);",
    to: "this.#context.answer(request, 0, answer);",
    why: "A duplicate is answered from the stored result, though the entry with it may not be durable yet.",
  },
  {
    name: "refusal-released-before-what-it-saw",
    file: "shard/invocations.js",
    from: "this.#context.answer(request, position, {",
    to: 'this.#context.answer(request, outcome.kind === "refused" ? 0 : position, {',
    why: "A refusal does not wait for the entries that it was decided on.",
  },
  {
    name: "marks-kept-as-a-maximum",
    file: "shard/marks.js",
    from: "this.#above.add(number);",
    to: "this.#low = number + 1;",
    why: "Consuming a number marks all below it: what was overtaken never runs.",
  },
  {
    name: "message-numbers-from-the-outbox",
    file: "shard/shard-state.js",
    from: "return this.nextNumberByTarget.get(target) ?? 1;",
    to: "return Math.max(0, ...[...this.outbox.from(target, 0)].map(({ number }) => number)) + 1;",
    why: "The next number is behind the highest that is unacknowledged: numbers come again, and their marks are there already.",
  },
  {
    name: "refused-for-ever-and-run-again",
    file: "log/refused-commands.js",
    from: "return this.#isConvictedById.get(commandId) === true;",
    to: "return this.#isConvictedById.get(commandId) === null;",
    why: "What the journal refuses for ever is run again after every restart.",
  },
  {
    name: "issued-before-its-values-are-uploaded",
    file: "log/log-writer.js",
    from: "if (!this.#isIssuable(record, nowMs))",
    to: "if (record.values.length < 0)",
    why: "A record does not wait for the values that it refers to: a crash leaves a reference to nothing.",
  },
  {
    name: "values-deleted-while-a-record-needs-them",
    file: "ownership/value-sweep.js",
    from: "this.#log.takeValuesBelow(keptFrom)",
    to: "this.#log.takeValuesBelow(this.#log.durable)",
    why: "Values go as soon as their records are durable, though a restart would have to read them.",
  },
  {
    name: "values-of-a-log-that-is-still-needed-swept",
    file: "ownership/value-sweep.js",
    from: "if (document === null)",
    to: "if (this.#isListing || document === null || true)",
    why: "The sweep takes every log but its own for forgotten.",
  },
  {
    name: "gate-without-lease",
    file: "log/gate.js",
    from: "this.#isLeased = isHeld;",
    to: "this.#isLeased = true;",
    why: "A router that was left behind shows what it remembers, although another one has acknowledged changes since.",
  },
  {
    name: "lease-counted-from-the-answer",
    file: "ownership/own-node.js",
    from: "this.#lease.renew(sent);",
    to: "this.#lease.renew(this.#now);",
    why: "A heartbeat whose answer comes late holds the lease longer than those who watch the document wait.",
  },
  {
    name: "restart-without-wait",
    file: "ownership/membership.js",
    from: "isSilent: stillMs >= lease.observeMs",
    to: "isSilent: true",
    why: "The former owner is marked dead at the first look, while its lease still lets it answer reads.",
  },
  {
    name: "history-not-kept-unless-it-is-shown",
    file: "shard/apply-entry.js",
    from: 'if (isFolded && history.kind === "none")',
    to: 'if (isFolded && (history.kind === "none" || state.typeOf(body.entity.type)?.policy.exposeEvents !== true))',
    why: "Events that nobody may read are not kept: the state is no longer the fold of its history.",
  },
  {
    name: "inputs-of-a-merge-deleted-before-its-manifest",
    file: "store/shard-store.js",
    from: "next = replaceRun(next, compacted);",
    to: "for (const input of (next = replaceRun(next, compacted), compacted.inputs)) this.#deletions.add(input.object);",
    why: "What a merge has read is deleted while the manifest names it still (RULES.md 11).",
  },
  {
    name: "previous-manifest-not-kept",
    file: "ownership/custody.js",
    from: "const kept = namedBy(next);",
    to: "const kept = namedBy({ ...next, previous: null });",
    why: "Segments that only the previous manifest names are deleted: nobody can go back to it.",
  },
  {
    name: "previous-manifest-without-the-range-between",
    file: "ownership/custody.js",
    from: "between.from < between.to ? [...ranges, between] : ranges",
    to: "ranges",
    why: "The previous manifest does not say which records the newest flush holds: whoever goes back loses them.",
  },
  {
    name: "log-trimmed-although-a-previous-manifest-needs-it",
    file: "ownership/upkeep.js",
    from: "const previous = this.#tails.map(({ custody }) => custody.previousFrom);",
    to: "const previous = [];",
    why: "Records go as soon as segments hold them, so that nothing is left to replay when those are lost.",
  },
  {
    name: "mailbox-without-limit",
    file: "shard/slot.js",
    from: "this.waiting >= this.spec.policy.mailboxMax;",
    to: "this.waiting < 0;",
    why: "A mailbox takes whatever comes.",
  },
  {
    name: "done-and-told-as-refused",
    file: "shard/proposal.js",
    from: 'return this.#end(item, { kind: "replied", reply: result.reply });',
    to: `return this.#end(item, result.effects.length > 0 && item.command.caller === null
                    ? { kind: "refused", code: "unsent", message: "", details: result.reply }
                    : { kind: "replied", reply: result.reply });`,
    why: "A client's command that sends is told as refused, with all its effects committed.",
  },
  {
    name: "query-on-the-state-before",
    file: "shard/invocations.js",
    from: "const state = isExpired ? null : slot.state;",
    to: `const shown = isExpired ? null : slot.state;
        this.shownByKey ??= new Map();
        const isRead = slot.spec.kind === "value" && slot.running.every((item) => item.command.isQuery);
        const state = isRead ? (this.shownByKey.get(slot.key) ?? shown) : shown;
        if (isRead) this.shownByKey.set(slot.key, shown);`,
    why: "A query runs on the state that the one before it saw: a state that was, and is no more.",
  },
  ...CLUSTER_MUTANTS,
  ...SPLIT_MUTANTS,
];

/** Broken disks, for the power cuts: the mutants of test/power-cut/mutants.ts. */
export const POWER_CUT_MUTANTS: readonly string[] = ["ack-before-fdatasync", "no-directory-sync"];
