/** An operator who goes back to the previous manifest of every shard, because all segments are lost that only the present one names. */
import { nodeKey, SHARD_PREFIX } from "../../src/core/ownership/documents.js";
import { goneBack } from "../../src/core/ownership/going-back.js";
import { documentCodec } from "../../src/protocol/record/document-codec.js";
import type { SimDirectory } from "./sim-directory.js";
import type { SimSnapshots } from "./sim-snapshots.js";
import type { World } from "./world.js";

/** While no router runs. A shard that cannot go back keeps its segments. */
export function goBack(directory: SimDirectory, snapshots: SimSnapshots, clusterId: Uint8Array, world: World): void {
  for (const [key, { body }] of [...directory.documents]) {
    if (!key.startsWith(SHARD_PREFIX)) continue;
    const descriptor = documentCodec.decodeDescriptor(body, clusterId);
    const node = descriptor.owner === null ? undefined : directory.documents.get(nodeKey(descriptor.owner));
    const result = goneBack(descriptor, node === undefined ? null : documentCodec.decodeNode(node.body, clusterId));
    world.count(`operator.goingBack.${result.kind}`);
    if (result.kind === "impossible") continue;
    const kept = new Set(result.descriptor.segments.map(({ object }) => object));
    directory.put(key, { token: `operator.${key}`, body: documentCodec.encodeDescriptor(result.descriptor, clusterId) });
    for (const { object } of descriptor.segments) {
      if (kept.has(object)) continue;
      snapshots.lose(object);
      world.count("operator.segmentsLost");
    }
    world.count(
      "operator.recordsReplayed",
      result.descriptor.ranges.reduce((sum, { from, to }) => sum + to - from, 0),
    );
  }
}
