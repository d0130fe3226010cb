/** What the dispatcher shows to metrics and to the admin side. */
export interface DispatcherSnapshot {
  /** Entities remembered as suspects. */
  readonly suspects: number;
  readonly deployments: readonly DeploymentSnapshot[];
  readonly types: readonly TypeSnapshot[];
}

export interface DeploymentSnapshot {
  readonly deployment: string;
  /** Open invocations, stragglers included. */
  readonly attempts: number;
  /** What of them counts against the limit; not a whole number, since a batch counts by its unfinished share. */
  readonly inFlight: number;
  readonly limit: number;
  /** Null: no back-off. */
  readonly backoffUntilMs: number | null;
  readonly queued: number;
}

export interface TypeSnapshot {
  readonly type: string;
  /** Null: no active deployment serves it. */
  readonly deployment: string | null;
  readonly queued: number;
  /** Of the queued: suspects. */
  readonly suspected: number;
  readonly usualMs: number;
}
