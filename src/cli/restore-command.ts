/** `holdfast shards restore`: segments that are missing or overwritten in S3 come back from the bucket's former versions. */
import { usage } from "./address-argument.js";
import { CliProblem, EXIT } from "./exit-code.js";
import { type SettingsOptions, settingsOf } from "./router-settings.js";
import { show, type Terminal } from "./terminal.js";

/** Throws `CliProblem`, with exit code 1, where a segment has no version that the manifest means. */
export async function restoreShards(terminal: Terminal, options: SettingsOptions): Promise<void> {
  const settings = settingsOf(options);
  const { snapshots } = settings;
  if (snapshots.kind !== "s3") throw usage("the snapshots are not in S3: restore the data folder from a backup");
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
  const message = `${count.lost} segments have no version left that the manifest means: restore tables and bucket to a moment before [segment_missing]`;
  throw new CliProblem(EXIT.refused, "segment_missing", message);
}
