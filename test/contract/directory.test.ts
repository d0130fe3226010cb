import { LocalDirectory } from "../../src/directory-local/local-directory.js";
import { MemoryDirectory } from "../../src/directory-memory/memory-directory.js";
import { NodeFiles } from "../../src/files-node/node-files.js";
import type { DirectoryPort } from "../../src/ports/directory.js";
import { directoryContract } from "./directory.contract.js";
import { temporaryFolder } from "./temporary-folder.js";

directoryContract("memory", async () => {
  const directory = new MemoryDirectory();
  return { directory, reopen: null, dispose: () => directory.close() };
});

directoryContract("local disk", async () => {
  const folder = await temporaryFolder();
  const files = new NodeFiles();
  let current: DirectoryPort = await LocalDirectory.open(files, folder.path);
  return {
    directory: current,
    reopen: async () => {
      await current.close();
      return (current = await LocalDirectory.open(files, folder.path));
    },
    dispose: async () => {
      await current.close();
      await files.close();
      await folder.remove();
    },
  };
});
