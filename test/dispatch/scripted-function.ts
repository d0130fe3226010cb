/** Functions to invoke in the simulation. */
import type { Batch } from "../../src/core/dispatch/dispatch.js";
import { COMPLETE, type Script } from "./dispatch-simulation.js";

/** What an invocation and a command cost where nothing goes wrong. */
const INVOCATION_MS = 1;
const COMMAND_MS = 0.02;

/**
 * A function of which each invocation has a processor of its own, as Lambda runs them: commands take it one after the
 * other. One may also wait (`waitsMs`), which holds up nobody. `isStreaming`: each result comes as it is there, else all
 * at the end.
 */
export function healthyScript(batch: Batch, waitsMs: (key: string) => number, isStreaming = true): Script {
  let atMs = INVOCATION_MS;
  let endAfterMs = 0;
  const results = batch.members.map(({ runnable: { key }, commandsMax }) => {
    atMs += COMMAND_MS * commandsMax;
    const afterMs = atMs + waitsMs(key);
    endAfterMs = Math.max(endAfterMs, afterMs);
    return { key, afterMs };
  });
  if (isStreaming) return { results, end: COMPLETE, endAfterMs };
  return { results: results.map(({ key }) => ({ key, afterMs: endAfterMs })), end: COMPLETE, endAfterMs };
}
