/** What tests of several routers do with the ledgers of ID_BY_SHARD, one in every shard: write to all, and count what was written. */
import assert from "node:assert/strict";
import { type ClusterBench, ID_BY_SHARD } from "./cluster-bench.js";
import { type CoreBench, LEDGER } from "./core-bench.js";

/** Sends a command to each; gives the requests. */
export function putAll(bench: CoreBench): readonly number[] {
  return ID_BY_SHARD.map((id) => bench.put(id, LEDGER));
}

/** The version that a router's client sees of each, or the code of why it sees none. */
export function versionsAt(cluster: ClusterBench, bench: CoreBench): readonly unknown[] {
  const requests = ID_BY_SHARD.map((id) => bench.askState(id, LEDGER, 5_000));
  cluster.run(6_000);
  return requests.map((request) => {
    const answer = bench.answers.get(request);
    return answer?.kind === "state" ? answer.version : bench.codeOf(request);
  });
}

/** Each has had so many commands. */
export function assertVersions(cluster: ClusterBench, bench: CoreBench, version: number): void {
  assert.deepEqual(
    versionsAt(cluster, bench),
    ID_BY_SHARD.map(() => version),
  );
}
