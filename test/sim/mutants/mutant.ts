import type { Temper } from "../seed-shape.js";

/** One small change of the compiled core, by exact text. */
export interface Change {
  /** Under dist/src/core. */
  readonly file: string;
  /** Stands in the compiled file exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Mutant extends Change {
  readonly name: string;
  /** What the change needs to be reachable. */
  readonly also?: readonly Change[];
  /** What the change means, and which promise it breaks. */
  readonly why: string;
  /** It shows in one kind of situation alone: seeds that make it common are tried, and no others. */
  readonly temper?: Temper;
}
