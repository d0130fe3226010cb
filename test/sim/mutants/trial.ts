/** Puts mutants on trial: copies of the compiled program, each changed at one place, in processes of their own. */
import { type ChildProcess, fork } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Temper } from "../seed-shape.js";
import type { Change, Mutant } from "./mutant.js";
import type { SeedsMessage } from "./seeds.js";

/** What came of a trial. A mutant that `hung` came to no end in one seed: that is no kill. */
export type Verdict =
  | { readonly kind: "killed"; readonly seed: number; readonly message: string; readonly cpuMs: number }
  | { readonly kind: "survived"; readonly seeds: number; readonly isHung: boolean }
  | { readonly kind: "failed"; readonly message: string };

const EXIT_GRACE_MS = 5_000;
/** How much longer than its processor time a process may take, on a machine that is busy with other things. */
const BUSY_FACTOR = 5;

/** A copy of the compiled program that can be changed and put back. */
export class Copy {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** `repository` holds dist, package.json and node_modules. */
  static async of(repository: string): Promise<Copy> {
    const root = await mkdtemp(join(tmpdir(), "holdfast-mutants-"));
    await cp(join(repository, "package.json"), join(root, "package.json"));
    await symlink(join(repository, "node_modules"), join(root, "node_modules"));
    await cp(join(repository, "dist", "src"), join(root, "dist", "src"), { recursive: true });
    await cp(join(repository, "dist", "test", "sim"), join(root, "dist", "test", "sim"), { recursive: true });
    return new Copy(root);
  }

  async remove(): Promise<void> {
    await rm(this.#root, { recursive: true, force: true });
  }

  /** Runs the mutant's seeds of 1, 2, 3 and so on, until one shows a violation or `limitMs` of processor time are used. */
  async try(mutant: Mutant, limitMs: number): Promise<Verdict> {
    const whole = new Map<string, string>();
    try {
      for (const change of [mutant, ...(mutant.also ?? [])]) {
        const places = await this.#change(change, whole);
        if (places !== 1) return { kind: "failed", message: `its text stands ${places} times in ${change.file}, not once` };
      }
      return await this.run([], limitMs, mutant.temper);
    } finally {
      for (const [path, text] of whole) await writeFile(path, text);
    }
  }

  /** Gives how often the text to be changed stands there; once is as it should be. `whole` keeps what was before. */
  async #change({ file, from, to }: Change, whole: Map<string, string>): Promise<number> {
    const path = join(this.#root, "dist", "src", "core", file);
    const text = await readFile(path, "utf8");
    const places = text.split(from).length - 1;
    if (places !== 1) return places;
    if (!whole.has(path)) whole.set(path, text);
    await writeFile(
      path,
      text.replace(from, () => to),
    );
    return places;
  }

  /** Runs seeds over the program as it stands; none given: of 1, 2, 3 and so on those of the temper. */
  run(seeds: readonly number[], limitMs: number, temper: Temper | "any" = "any"): Promise<Verdict> {
    const program = join(this.#root, "dist", "test", "sim", "mutants", "seeds.js");
    return judge(fork(program, [limitMs, temper, ...seeds].map(String), { silent: true }), limitMs * BUSY_FACTOR);
  }
}

function judge(child: ChildProcess, hungAfterMs: number): Promise<Verdict> {
  return new Promise((resolve) => {
    let begun = 0;
    let complaint = "";
    let found: SeedsMessage | null = null;
    let isHung = false;
    child.stderr?.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-2_000);
    });
    const limit = setTimeout(() => {
      isHung = true;
      child.kill("SIGKILL");
    }, hungAfterMs);
    child.on("message", (message: SeedsMessage) => {
      if (message.kind === "begins") {
        begun++;
        return;
      }
      found = message;
      clearTimeout(limit);
      setTimeout(() => child.kill("SIGKILL"), EXIT_GRACE_MS).unref();
    });
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      resolve(verdict(code, signal));
    });

    function verdict(code: number | null, signal: NodeJS.Signals | null): Verdict {
      if (found?.kind === "violated") {
        return { kind: "killed", seed: found.seed, message: found.message, cpuMs: found.cpuMs };
      }
      if (found !== null) return { kind: "survived", seeds: begun, isHung: false };
      if (isHung) return { kind: "survived", seeds: begun, isHung: true };
      return { kind: "failed", message: `its process ended with ${signal ?? code}: ${complaint}` };
    }
  });
}
