/** Who has to act: the caller, the author of the function, or whoever runs the router. */
export type Actor = "caller" | "function author" | "operator";

export interface ProblemEntry {
  /** Null: never seen over HTTP; the router prints it and ends, or the command line does. */
  readonly status: number | null;
  readonly title: string;
  readonly actor: Actor;
  /** Whether the same request, sent again, can succeed. */
  readonly isRetryable: boolean;
  readonly meaning: string;
  readonly remedy: string;
}
