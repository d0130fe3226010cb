/** The header `holdfast-deadline`: how long the client waits. */
import { DURATION_FORM, formatDuration, parseDuration } from "../duration.js";
import type { Exchange } from "./exchange.js";
import { DEADLINE_MAX_MS } from "./ingress-limits.js";
import type { Refusal } from "./problem-document.js";
import type { RouteContext } from "./route-context.js";

/** The moment after which the caller no longer waits, or why its wish is refused. */
export function deadlineOf(context: RouteContext, exchange: Exchange): number | Refusal {
  const header = exchange.request.headers["holdfast-deadline"];
  if (header === undefined) return context.core.nowMs() + context.deadlineMs;
  const ms = parseDuration(String(header));
  if (ms !== null && ms > 0 && ms <= DEADLINE_MAX_MS) return context.core.nowMs() + ms;
  const detail = `holdfast-deadline is ${DURATION_FORM}; at most ${formatDuration(DEADLINE_MAX_MS)}`;
  return { code: "bad_header", detail };
}
