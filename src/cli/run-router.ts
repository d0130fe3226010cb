/** Runs a router until it ends or is told to stop, and says how it ended. */
import type { Logger } from "pino";
import { StorageProblem } from "../ports/storage-problem.js";
import type { Settings } from "../router/config/settings.js";
import { PROBLEMS } from "../router/ingress/problem-table.js";
import { type RunningRouter, startRouter } from "../router/main.js";
import { CliProblem, EXIT } from "./exit-code.js";

/** What goes on beside the router while it runs. */
export interface Companion {
  /** Called when all shards are open. */
  started(router: RunningRouter): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Resolves after an orderly stop (SIGINT, SIGTERM; a second one ends at once). Throws `CliProblem` where the router could
 * not start, or had to end.
 */
export async function runRouter(
  settings: Settings,
  log: Logger,
  companion: Companion,
  acceptLossOf: readonly string[] = [],
): Promise<void> {
  let router: RunningRouter;
  try {
    router = await startRouter(settings, { log, acceptLossOf });
  } catch (error) {
    await companion.stop();
    throw startProblem(error);
  }
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, "stopping: what was accepted is finished first; once more to end at once");
    router.stop().catch((error: unknown) => log.error({ err: error }, "the stop failed"));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    await router.runner.started;
    // `started` also resolves for a router that has ended before.
    if (router.runner.snapshot() !== null) await companion.started(router);
    const end = await router.ended;
    if (end.kind === "stopped") return;
    throw endProblem(end.kind === "refused" ? end.code : "internal_error", end.message);
  } catch (error) {
    await router.stop();
    throw error;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    await companion.stop();
  }
}

function startProblem(error: unknown): CliProblem {
  if (error instanceof CliProblem) return error;
  if (error instanceof StorageProblem) return new CliProblem(EXIT.unavailable, error.code, `${error.message} [${error.code}]`);
  if (error instanceof Error && "code" in error && typeof error.code === "string") return endProblem(error.code, error.message);
  throw error;
}

function endProblem(code: string, message: string): CliProblem {
  const entry = PROBLEMS[code];
  const remedy = entry === undefined || message.includes(entry.remedy) ? "" : `\n  ${entry.remedy}`;
  return new CliProblem(EXIT.unavailable, code, `${message} [${code}]${remedy}`);
}
