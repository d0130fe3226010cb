import { NodeFiles } from "../../src/files-node/node-files.js";
import type { SnapshotPort } from "../../src/ports/snapshots.js";
import { LocalSnapshots } from "../../src/snapshots-local/local-snapshots.js";
import { MemorySnapshots } from "../../src/snapshots-memory/memory-snapshots.js";
import { snapshotsContract } from "./snapshots.contract.js";
import { temporaryFolder } from "./temporary-folder.js";

snapshotsContract("memory", async () => {
  const snapshots = new MemorySnapshots();
  return { snapshots, reopen: null, dispose: () => snapshots.close() };
});

snapshotsContract("local disk", async () => {
  const folder = await temporaryFolder();
  const files = new NodeFiles();
  let current: SnapshotPort = await LocalSnapshots.open(files, folder.path);
  return {
    snapshots: current,
    reopen: async () => {
      await current.close();
      return (current = await LocalSnapshots.open(files, folder.path));
    },
    dispose: async () => {
      await current.close();
      await files.close();
      await folder.remove();
    },
  };
});
