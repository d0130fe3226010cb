/** The names on a disk with a cache: folders and files, what a process sees and what is durable. */
import { parentOf } from "../../src/ports/durable-folder.js";
import type { CachedFile } from "./cached-file.js";
import type { Counters } from "./counters.js";
import type { Random } from "./random.js";

export type Named = CachedFile | "folder";

interface Unsynced {
  readonly kind: "creation" | "rename" | "removal";
  readonly changes: readonly { readonly path: string; readonly named: Named | null }[];
  /** The folders that must be synced before the change is durable. */
  readonly folders: Set<string>;
}

export class Names {
  #seen = new Map<string, Named>();
  #durable = new Map<string, Named>();
  #unsynced: Unsynced[] = [];

  get(path: string): Named | null {
    return path === "." || path === "/" ? "folder" : (this.#seen.get(path) ?? null);
  }

  /** All files that can be seen. */
  files(): [string, CachedFile][] {
    return [...this.#seen].flatMap(([path, named]) => (named === "folder" ? [] : [[path, named] as [string, CachedFile]]));
  }

  /** The names right below a folder; those of folders end in `/`. */
  list(folder: string): string[] {
    return [...this.#seen].flatMap(([path, named]) =>
      parentOf(path) === folder ? [path.slice(folder.length + 1) + (named === "folder" ? "/" : "")] : [],
    );
  }

  create(path: string, named: Named): void {
    this.#change("creation", [{ path, named }]);
  }

  rename(from: string, to: string): void {
    this.#change("rename", [
      { path: from, named: null },
      { path: to, named: this.get(from) },
    ]);
  }

  remove(path: string): void {
    this.#change("removal", [{ path, named: null }]);
  }

  syncFolder(folder: string): void {
    this.#unsynced = this.#unsynced.filter((change) => {
      change.folders.delete(folder);
      if (change.folders.size > 0) return true;
      apply(this.#durable, change);
      return false;
    });
  }

  /** Each unsynced change of a name vanishes or survives by itself; what is below a lost folder is lost. */
  losePower(random: Random, counters: Counters): void {
    const chance = random.pick([0, 0.5, 0.5, 1]);
    for (const change of this.#unsynced.splice(0)) {
      const isKept = random.chance(chance);
      counters.add(`cut: ${change.kind}s of names that ${isKept ? "survived" : "vanished"}`);
      if (isKept) apply(this.#durable, change);
    }
    this.#seen = new Map();
    for (const path of [...this.#durable.keys()].sort()) {
      const parent = parentOf(path);
      if (parent === null || this.get(parent) === "folder") this.#seen.set(path, this.#durable.get(path) as Named);
    }
    this.#durable = new Map(this.#seen);
  }

  #change(kind: Unsynced["kind"], changes: Unsynced["changes"]): void {
    const folders = new Set(changes.map(({ path }) => parentOf(path) ?? "/"));
    const change = { kind, changes, folders };
    this.#unsynced.push(change);
    apply(this.#seen, change);
  }
}

function apply(names: Map<string, Named>, { changes }: Unsynced): void {
  for (const { path, named } of changes) {
    if (named === null) names.delete(path);
    else names.set(path, named);
  }
}
