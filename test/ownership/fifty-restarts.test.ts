/** A router that is restarted again and again, killed or stopped in turn, while its clients go on: nothing piles up anywhere. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CommandArrived } from "../../src/core/request.js";
import { ClusterBench, ID_BY_SHARD, SHARDS } from "./cluster-bench.js";
import { type CoreBench, LEDGER } from "./core-bench.js";
import { versionsAt } from "./ledgers.js";

const RESTARTS = 50;
/** Rounds until what is kept for a while (dead nodes, previous manifests, objects to be deleted) is as much as it will be. */
const SETTLED_AFTER = 10;

/** Longer than a router lives here: what dead ones have left in the snapshot store goes when one of them lives on. */
const CHANGED = { orphans: { sweepEveryMs: 10_000 } };

/** Of the cluster and of the shards; each router has one more. */
const FIXED_DOCUMENTS = 1 + SHARDS;

/** Dead ones whose logs the manifests before the last flushes need. */
const DEAD_NODES_MAX = 2;

interface Left {
  readonly documents: number;
  /** That hold a record. A living one is trimmed in steps of hundreds. */
  readonly logs: number;
  /** Virtual time until it was open, and what it has asked of the storage until then. */
  readonly startMs: number;
  readonly startAsked: number;
}

/** One client, which says every command under its key until it has an outcome, to whichever router there is. */
class Client {
  readonly #open: CommandArrived[] = [];
  readonly #requests = new Map<string, { readonly bench: CoreBench; readonly request: number }>();
  sent = 0;

  send(bench: CoreBench): void {
    for (const id of ID_BY_SHARD) {
      this.#open.push({ ...bench.commandTo(id, LEDGER), id: `key-${this.sent}-${id}` });
    }
    this.sent++;
    this.say(bench);
  }

  /** Again, what has no outcome yet. */
  say(bench: CoreBench): void {
    this.#hear();
    for (const command of this.#open) {
      const { acceptedAtMs, deadlineMs, request } = bench.commandTo(command.to.id, LEDGER);
      this.#requests.set(command.id, { bench, request });
      bench.give({ ...command, request, acceptedAtMs, deadlineMs });
    }
  }

  get isDone(): boolean {
    this.#hear();
    return this.#open.length === 0;
  }

  #hear(): void {
    for (const command of [...this.#open]) {
      const said = this.#requests.get(command.id);
      if (said?.bench.codeOf(said.request) === "outcome") this.#open.splice(this.#open.indexOf(command), 1);
    }
  }
}

function leftIn({ storage }: ClusterBench): Pick<Left, "documents" | "logs"> {
  return { documents: storage.documents.size, logs: [...storage.logs.values()].filter(({ size }) => size > 0).length };
}

/** What a shard may have at rest: segments up to a merge, and those of the manifest before. */
const OBJECTS_OF_SHARD_MAX = 8;

function restarted(
  cluster: ClusterBench,
  former: { readonly name: string; readonly bench: CoreBench },
  round: number,
): CoreBench {
  if (round % 2 === 0) cluster.kill(former.name);
  else {
    former.bench.give({ kind: "leaveAsked" });
    cluster.until("it has left", () => former.bench.leftWith !== null, 30_000);
    former.bench.give({ kind: "stopAsked" });
    cluster.until("it has ended", () => former.bench.ended !== null);
    assert.deepEqual(former.bench.ended, { kind: "stopped" });
    cluster.kill(former.name);
  }
  return cluster.add(`r-${round}`, CHANGED);
}

for (const others of [[], ["a-1"]] as const) {
  describe(`a router ${others.length === 0 ? "alone" : "beside another"} that is restarted ${RESTARTS} times`, () => {
    test("loses and doubles nothing, leaves nothing behind that grows, and starts as fast as ever", () => {
      const cluster = new ClusterBench();
      const [other] = others.map((name) => cluster.start(name, CHANGED));
      let former = { name: "r-0", bench: cluster.start("r-0", CHANGED) };
      const client = new Client();
      const left: Left[] = [];
      for (let round = 1; round <= RESTARTS; round++) {
        client.send(other !== undefined && round % 3 === 0 ? other : former.bench);
        // Killed before its commands, among them, or behind them.
        cluster.run((round % 5) * 2);
        const askedBefore = cluster.storage.asked.length;
        const beganMs = cluster.nowMs;
        former = { name: `r-${round}`, bench: restarted(cluster, former, round) };
        const { bench } = former;
        cluster.until("it is open", () => bench.core.phase === "open");
        const startMs = cluster.nowMs - beganMs;
        const startAsked = cluster.storage.asked.length - askedBefore;
        cluster.until("all is answered", () => {
          if (!client.isDone && cluster.nowMs % 500 === 0) client.say(bench);
          return client.isDone;
        });
        cluster.run(2_000);
        left.push({ ...leftIn(cluster), startMs, startAsked });
      }
      assert.deepEqual(
        versionsAt(cluster, former.bench),
        ID_BY_SHARD.map(() => client.sent),
      );
      const [early, late] = [left.slice(0, SETTLED_AFTER), left.slice(-SETTLED_AFTER)];
      for (const what of ["documents", "logs", "startMs", "startAsked"] as const) {
        const most = (of: readonly Left[]): number => Math.max(...of.map((one) => one[what]));
        assert.ok(most(late) <= most(early) * 1.25, `${what}: at most ${most(early)} at first, ${most(late)} in the end`);
      }
      cluster.run(3 * CHANGED.orphans.sweepEveryMs);
      const objects = cluster.storage.driver.objects.size;
      assert.ok(objects <= SHARDS * OBJECTS_OF_SHARD_MAX, `${objects} objects`);
      const nodes = leftIn(cluster).documents - FIXED_DOCUMENTS;
      assert.ok(nodes <= 1 + others.length + DEAD_NODES_MAX, `${nodes} node documents`);
    });
  });
}
