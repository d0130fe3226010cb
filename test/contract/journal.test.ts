import { NodeFiles } from "../../src/files-node/node-files.js";
import { LocalJournal } from "../../src/journal-local/local-journal.js";
import { MemoryJournal } from "../../src/journal-memory/memory-journal.js";
import type { JournalPort } from "../../src/ports/journal.js";
import { journalContract } from "./journal.contract.js";
import { randomU32, realClock } from "./real-clock.js";
import { temporaryFolder } from "./temporary-folder.js";

journalContract("memory", async () => {
  const journal = new MemoryJournal();
  return { journal, reopen: null, dispose: () => journal.close() };
});

for (const fileBytesMax of [4096, 64 * 1024 * 1024]) {
  journalContract(`local disk, files of ${fileBytesMax} bytes`, async () => {
    const folder = await temporaryFolder();
    const files = new NodeFiles();
    const open = () => LocalJournal.open({ files, clock: realClock, randomU32, root: folder.path, fileBytesMax });
    let current: JournalPort = await open();
    return {
      journal: current,
      reopen: async () => {
        await current.close();
        return (current = await open());
      },
      dispose: async () => {
        await current.close();
        await files.close();
        await folder.remove();
      },
    };
  });
}
