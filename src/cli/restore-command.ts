/**
 * `holdfast shards restore`: segments that are missing or overwritten in S3 come back from the bucket's former versions; with
 * `--previous`, shards go back to the manifest before.
 */
import { StorageProblem } from "../ports/storage-problem.js";
import type { ShardRestored } from "../router/composition/restore-previous.js";
import type { Settings } from "../router/config/settings.js";
import { usage } from "./address-argument.js";
import { CliProblem, EXIT } from "./exit-code.js";
import { type SettingsOptions, settingsOf } from "./router-settings.js";
import { show, type Terminal } from "./terminal.js";

export interface RestoreOptions extends SettingsOptions {
  readonly previous?: boolean;
}

/** Throws `CliProblem`, with exit code 1, where something cannot be restored. */
export async function restoreShards(terminal: Terminal, shards: readonly string[], options: RestoreOptions): Promise<void> {
  const settings = settingsOf(options);
  if (options.previous === true) return goBack(terminal, shards.map(shardNumber), settings);
  if (shards.length > 0) throw usage("shards are named with --previous; without it all segments are looked at");
  return restoreFromVersions(terminal, settings);
}

async function restoreFromVersions(terminal: Terminal, settings: Settings): Promise<void> {
  const { snapshots } = settings;
  if (snapshots.kind !== "s3") {
    throw usage("the snapshots are not in S3: go back with --previous, or restore the data folder from a backup");
  }
  const { restoreSegments } = await import("../router/composition/restore-segments.js");
  const count = { fine: 0, restored: 0, lost: 0 };
  for await (const segment of restoreSegments(settings, snapshots)) {
    count[segment.outcome]++;
    if (segment.outcome === "fine") continue;
    show(terminal, segment, [`${segment.outcome}: ${segment.key} of shard ${segment.shard}`]);
  }
  const next = count.restored > 0 ? "; restart the router, so that it opens the shards again" : "";
  show(terminal, count, [`${count.fine} segments are as they were written, ${count.restored} were restored${next}`]);
  if (count.lost === 0) return;
  const message = `${count.lost} segments have no version left that the manifest means: go back with --previous, or restore tables and bucket to a moment before [segment_missing]`;
  throw new CliProblem(EXIT.refused, "segment_missing", message);
}

async function goBack(terminal: Terminal, named: readonly number[], settings: Settings): Promise<void> {
  const { restorePrevious } = await import("../router/composition/restore-previous.js");
  const { StoreFailed } = await import("../router/composition/stored-shards.js");
  const count = { fine: 0, restored: 0, impossible: 0 };
  let first: (ShardRestored & { readonly outcome: "impossible" }) | null = null;
  try {
    for await (const restored of restorePrevious(settings, named.length === 0 ? null : named)) {
      count[restored.outcome]++;
      if (restored.outcome === "impossible") first ??= restored;
      if (restored.outcome !== "fine") show(terminal, restored, linesOf(restored));
    }
  } catch (error) {
    if (error instanceof StorageProblem) throw new CliProblem(EXIT.unavailable, error.code, `${error.message} [${error.code}]`);
    if (error instanceof StoreFailed) throw new CliProblem(EXIT.unavailable, "storage_slow", `${error.message} [storage_slow]`);
    throw error;
  }
  const next = count.restored > 0 ? "; start the router, which replays what lies behind" : "";
  show(terminal, count, [`${count.fine} shards can be read whole, ${count.restored} went back${next}`]);
  if (first === null) return;
  const more = count.impossible === 1 ? "" : ` (and ${count.impossible - 1} more, see above)`;
  throw new CliProblem(EXIT.refused, first.code, `${first.message} [${first.code}]${more}`);
}

function linesOf(restored: Exclude<ShardRestored, { readonly outcome: "fine" }>): readonly string[] {
  const { shard, damage } = restored;
  const why = damage === null ? [] : [`damaged: shard ${shard}: ${damage.message} [${damage.code}]`];
  if (restored.outcome === "impossible") return [...why, `cannot go back: ${restored.message} [${restored.code}]`];
  const { segments, positions, dropped } = restored;
  return [
    ...why,
    `went back: shard ${shard} to ${segments} segments and ${positions} positions of logs, without ${dropped.join(", ") || "any loss of segments"}`,
  ];
}

function shardNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw usage(`'${text}' is no number of a shard`);
  return Number(text);
}
