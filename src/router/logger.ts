/** The log: JSON lines on standard error by pino, so that standard output stays the program's own. Nothing per command. */
import { destination, type Logger, pino } from "pino";
import type { LogLevel } from "./config/settings.js";

const STANDARD_ERROR = 2;

export function makeLogger(level: LogLevel): Logger {
  const redact = { paths: ["*.authorization", "*.key", "*.headers"], censor: "(hidden)" };
  // Synchronous: the last lines before an end are the ones that matter, and there are few lines.
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact },
    destination({ fd: STANDARD_ERROR, sync: true }),
  );
}
