/** The settings cannot be used, and why: every problem at once. `code` is in docs/errors.md. */
export class ConfigProblem extends Error {
  override readonly name = "ConfigProblem";
  readonly code: "config_unreadable" | "config_invalid" | "environment_missing" | "open_without_auth" | "storage_mix";
  readonly problems: readonly string[];

  constructor(code: ConfigProblem["code"], problems: readonly string[]) {
    super(
      problems.length === 1
        ? problems[0]
        : `${problems.length} settings are refused:\n${problems.map((one) => `  - ${one}`).join("\n")}`,
    );
    this.code = code;
    this.problems = problems;
  }
}
