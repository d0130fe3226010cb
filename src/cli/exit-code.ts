/** Exit codes of the command line (docs: README, `holdfast help`). Stable: scripts compare them. */
export const EXIT = {
  done: 0,
  /** The function, or the registration, said no. */
  refused: 1,
  /** The command line, the settings, or what was asked for is wrong. */
  usage: 2,
  /** Nobody there, or too busy: the same again may work. */
  unavailable: 3,
  /** It may have taken effect, or may still. */
  unknown: 4,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What ends a command early, worded for whoever typed it. */
export class CliProblem extends Error {
  override readonly name = "CliProblem";
  readonly exitCode: ExitCode;
  readonly code: string;
  /** The router's own document, where there is one. */
  readonly document: Readonly<Record<string, unknown>> | null;

  constructor(exitCode: ExitCode, code: string, message: string, document: Readonly<Record<string, unknown>> | null = null) {
    super(message);
    this.exitCode = exitCode;
    this.code = code;
    this.document = document;
  }
}

/** For a reply that is no success. `source` is the header `holdfast-error-source`. */
export function exitCodeOf(status: number, code: string, source: string | null): ExitCode {
  if (code === "outcome_unknown" || code === "internal_error") return EXIT.unknown;
  if (source === "function" || code === "deployment_incompatible" || code === "idempotency_key_reused") return EXIT.refused;
  return status === 429 || status >= 500 ? EXIT.unavailable : EXIT.usage;
}
