/** Runs one command line and gives its exit code. Never throws for what a user can meet. */
import { CommanderError } from "commander";
import { AwsProblem } from "../aws/aws-problem.js";
import { ConfigProblem } from "../router/config/config-problem.js";
import { PROBLEMS } from "../router/ingress/problem-table.js";
import { CliProblem, EXIT, type ExitCode } from "./exit-code.js";
import { makeProgram, type Streams } from "./program.js";

export async function run(args: readonly string[], streams: Streams, version: string): Promise<ExitCode> {
  const program = makeProgram(streams, version);
  program.exitOverride();
  const output = {
    writeOut: (text: string) => streams.out(text.trimEnd()),
    writeErr: (text: string) => streams.error(text.trimEnd()),
  };
  program.configureOutput(output);
  for (const command of allCommands(program)) command.exitOverride().configureOutput(output);
  try {
    await program.parseAsync([...args], { from: "user" });
    return EXIT.done;
  } catch (error) {
    return failed(error, streams, program.opts<{ readonly json?: boolean }>().json ?? false);
  }
}

function* allCommands(of: ReturnType<typeof makeProgram>): Iterable<ReturnType<typeof makeProgram>> {
  for (const command of of.commands) {
    yield command;
    yield* allCommands(command);
  }
}

function failed(error: unknown, streams: Streams, isJson: boolean): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage; // commander has said why
  const problem = problemOf(error);
  if (isJson) streams.out(JSON.stringify(problem.document ?? { code: problem.code, detail: problem.message }));
  streams.error(`holdfast: ${problem.message}`);
  return problem.exitCode;
}

function problemOf(error: unknown): CliProblem {
  if (error instanceof CliProblem) return error;
  if (error instanceof ConfigProblem) {
    const remedy = PROBLEMS[error.code]?.remedy ?? "";
    return new CliProblem(EXIT.usage, error.code, `${error.message}\n  ${remedy} [${error.code}]`);
  }
  if (error instanceof AwsProblem) {
    const exitCode = PROBLEMS[error.code]?.isRetryable === true ? EXIT.unavailable : EXIT.usage;
    return new CliProblem(exitCode, error.code, `${error.message} [${error.code}]`);
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new CliProblem(EXIT.unavailable, "internal_error", `${text} [internal_error]`);
}
