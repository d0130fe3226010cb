/**
 * Holdfast embedded in a program of your own: the same router, started the same way, with its functions in the same
 * process if you like.
 *
 *     const router = await startRouter(
 *       { ...DEFAULT_SETTINGS, functions: [localFunctions("shop")] },
 *       { local: { shop: local([cart, inventory]) } },
 *     );
 *
 * Its data lies under `settings.journal.path`, behind a lock: a second router on the same folder is refused.
 */
export type { InProcessAnswer, InProcessFunction, InProcessRequest } from "../invoker/in-process/in-process-invoker.js";
export { DEFAULT_DEPLOYMENT_LIMITS, DEFAULT_SETTINGS, type FunctionSettings, type Settings } from "./config/settings.js";
export { makeLogger } from "./logger.js";
export { localFunctions, type RouterOptions, type RunningRouter, startRouter } from "./main.js";
