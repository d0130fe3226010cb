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
  /** A minute's seeds have not killed it yet, though it is wrong: it runs when it is named, until seeds are made that do. */
  readonly isSeldomKilled?: true;
}
