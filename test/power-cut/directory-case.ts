/** Random programs on the local directory under power cuts. */
import { LocalDirectory } from "../../src/directory-local/local-directory.js";
import type { Document } from "../../src/ports/directory.js";
import { StorageProblem } from "../../src/ports/storage-problem.js";
import { type Counters, check } from "./counters.js";
import { type Life, runLives, type Wrap } from "./lives.js";
import type { Random } from "./random.js";

const ROOT = "data/router";
const KEYS = ["node/1", "node/2", "Shard/1", "shard/1", `long/${"x".repeat(400)}`];

interface Change {
  readonly expected: string | null;
  /** Null: a removal. */
  readonly document: Document | null;
}

/** What a key may hold: the last document that was known, and whatever unknown changes may have made of it. */
class KeyModel {
  readonly key: string;
  #known: Document | null = null;
  #open = new Set<Change>();

  constructor(key: string) {
    this.key = key;
  }

  get token(): string | null {
    return this.#known?.token ?? null;
  }

  issue(change: Change): void {
    this.#open.add(change);
  }

  happened(change: Change): void {
    const before = this.#reachable().filter((document) => (document?.token ?? null) === change.expected);
    check(before.length > 0, `${this.key}: a change happened whose condition did not hold`);
    this.#open.delete(change);
    this.#known = change.document;
  }

  didNot(change: Change): void {
    this.#open.delete(change);
  }

  /** Somebody was shown this: it must be possible, and stays until something else happens. */
  shown(document: Document | null): void {
    const found = this.#reachable().find((possible) => isSame(possible, document));
    check(found !== undefined, `${this.key}: holds ${document?.token ?? "nothing"}, known was ${this.token ?? "nothing"}`);
    this.#known = document;
  }

  /** What was not answered before a process ended does not happen later. */
  forgetOpen(): void {
    this.#open.clear();
  }

  #reachable(): (Document | null)[] {
    const reachable: (Document | null)[] = [this.#known];
    for (let at = 0; at < reachable.length; at++) {
      const token = reachable[at]?.token ?? null;
      for (const { expected, document } of this.#open) {
        if (expected === token && !reachable.some((known) => isSame(known, document))) reachable.push(document);
      }
    }
    return reachable;
  }
}

function isSame(left: Document | null, right: Document | null): boolean {
  if (left === null || right === null) return left === right;
  return left.token === right.token && Buffer.compare(left.body, right.body) === 0;
}

export async function directoryCase(random: Random, counters: Counters, wrap: Wrap): Promise<void> {
  const models = KEYS.map((key) => new KeyModel(key));
  let tokens = 0;
  await runLives(random, counters, wrap, async (life) => {
    const directory = await openDirectory(life);
    if (directory === null) return false;
    for (const model of models) if (!(await checkKey(life, directory, model, true))) return false;
    const steps = life.isLast ? 0 : random.between(5, 40);
    for (let step = 0; step < steps && life.isRunning(); step++) {
      const busy = models.filter(() => random.chance(0.5));
      await Promise.all(
        busy.map(async (model) => {
          if (random.chance(0.25)) await checkKey(life, directory, model, false);
          else
            await Promise.all(Array.from({ length: random.between(1, 3) }, () => change(life, directory, model, `t${++tokens}`)));
        }),
      );
    }
    if (!life.isRunning() || random.chance(0.5)) return false;
    await directory.close();
    return true;
  });
}

async function openDirectory(life: Life): Promise<LocalDirectory | null> {
  try {
    return await LocalDirectory.open(life.files, ROOT);
  } catch (error) {
    check(
      error instanceof StorageProblem && isDiskTrouble(error.code) && !life.isLast,
      `opening the directory: ${String(error)}`,
    );
    return null;
  }
}

const isDiskTrouble = (code: string | undefined) => code === "disk_full" || code === "disk_failed";

async function checkKey(life: Life, directory: LocalDirectory, model: KeyModel, isStart: boolean): Promise<boolean> {
  const outcome = await directory.read(model.key);
  if (!life.isRunning()) return false;
  if (outcome.kind === "failed") {
    check(isDiskTrouble(outcome.code) && !life.isLast, `${model.key}: ${outcome.message}`);
    return false;
  }
  model.shown(outcome.kind === "found" ? outcome.document : null);
  if (isStart) model.forgetOpen();
  life.counters.add("directory: documents checked");
  return true;
}

async function change(life: Life, directory: LocalDirectory, model: KeyModel, token: string): Promise<void> {
  const { random, counters } = life;
  const expected = random.chance(0.9) ? model.token : "none";
  const isRemoval = expected !== null && random.chance(0.2);
  const document = isRemoval ? null : { token, body: random.bytes(random.pick([0, 10, random.between(1, 3000)])) };
  const issued = { expected, document };
  model.issue(issued);
  const outcome =
    document === null ? await directory.remove(model.key, expected ?? "") : await directory.swap(model.key, expected, document);
  if (!life.isRunning()) return;
  counters.add(`directory: ${isRemoval ? "removals" : "swaps"} ${outcome.kind}`);
  if (outcome.kind === "happened") model.happened(issued);
  else if (outcome.kind === "conflict") model.didNot(issued);
}
