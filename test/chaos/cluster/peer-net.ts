/** Who may speak to whom: cuts of a node from its peers, one way or both. */

export type CutDirection = "in" | "out" | "both";

export class PeerNet {
  readonly #cuts = new Map<string, CutDirection>();
  /** Told of each change; `isReset`: what is cut now breaks. */
  onChange: (isReset: boolean) => void = () => undefined;

  cut(node: string, direction: CutDirection, isReset: boolean): void {
    this.#cuts.set(node, direction);
    this.onChange(isReset);
  }

  heal(node: string): void {
    this.#cuts.delete(node);
    this.onChange(false);
  }

  readonly passes = (from: string | null, to: string | null): boolean => {
    const out = from === null ? undefined : this.#cuts.get(from);
    const into = to === null ? undefined : this.#cuts.get(to);
    return (out === undefined || out === "in") && (into === undefined || into === "out");
  };

  get cuts(): ReadonlyMap<string, CutDirection> {
    return this.#cuts;
  }
}
