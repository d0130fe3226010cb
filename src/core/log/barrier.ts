/**
 * The barrier: proves, at a moment after a request arrived, that nobody has taken over meanwhile, without any clock (RULES.md
 * 5). A record of ours that was issued behind the arrival and became durable proves it; with nothing under way, so does a
 * consistent read that finds our node document alive: whoever takes over has to mark it dead first. That the next position of
 * our log is absent would prove nothing: once all that we had is taken over, the log may be removed, with its seal.
 */
import type { DirectoryClient, FoundDocument } from "../ownership/directory-client.js";
import type { NodeDocument } from "../ownership/documents.js";
import type { LogWriter } from "./log-writer.js";

interface Waiting {
  /** Records issued up to here prove nothing for it. */
  readonly issued: number;
  readonly then: () => void;
}

export interface BarrierTools {
  readonly log: LogWriter;
  readonly client: DirectoryClient;
  /** Of our own document. */
  readonly nodeKey: string;
  statusOf(document: FoundDocument): NodeDocument["status"];
  /** Our document is marked dead, or gone: somebody has taken over, or is about to. */
  lost(): void;
}

export class Barrier {
  readonly #tools: BarrierTools;
  #waiting: Waiting[] = [];
  #isProbing = false;

  constructor(tools: BarrierTools) {
    this.#tools = tools;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  pass(then: () => void): void {
    this.#waiting.push({ issued: this.#tools.log.issued, then });
  }

  /** Lets through what is proven; looks where nothing is under way that could prove it. Once a turn. */
  turn(): void {
    if (this.#waiting.length === 0) return;
    const { log } = this.#tools;
    this.#release(this.#waiting.filter(({ issued }) => issued < log.durable));
    if (this.#waiting.length === 0 || this.#isProbing || log.durable < log.last) return;
    this.#isProbing = true;
    // Who comes while the answer is on its way needs a look of its own: this one may have been taken before.
    const probed = [...this.#waiting];
    const { client, nodeKey, statusOf, lost } = this.#tools;
    const looked = (status: NodeDocument["status"]): void => {
      this.#isProbing = false;
      // Closed by ourselves: what waits ends with us.
      if (status === "alive") this.#release(probed);
      else if (status === "dead") lost();
    };
    client.readAnew(
      nodeKey,
      (found) => looked(found === null ? "dead" : statusOf(found)),
      // Whatever it is, it is not what we wrote.
      () => looked("dead"),
    );
  }

  /** Those of them that have not been let through before: a record may have been faster than the look. */
  #release(proven: readonly Waiting[]): void {
    const all = new Set(proven);
    const passed = this.#waiting.filter((waiting) => all.has(waiting));
    if (passed.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !all.has(waiting));
    for (const { then } of passed) then();
  }
}
