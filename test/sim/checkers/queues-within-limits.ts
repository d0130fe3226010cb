/** No queue is over its limit, at any step; what only a whole snapshot shows, at every eighth. */
import type { EntityType } from "../../../src/core/entity/entity-type.js";
import type { RouterCore } from "../../../src/core/router-core.js";
import type { History } from "../history.js";
import type { SharedSettings } from "../sim-settings.js";

export function checkQueues(
  core: RouterCore,
  settings: SharedSettings,
  types: readonly EntityType[],
  history: History,
  isThorough: boolean,
): void {
  const over = (what: string, value: number, max: number): void => {
    if (value > max) history.violate(`${what}: ${value}, the limit is ${max}`);
  };
  if (isThorough) {
    const { appendDepth, dispatch } = core.snapshot();
    over("appends in flight", appendDepth, settings.log.appendsInFlightMax);
    for (const { attempts } of dispatch.deployments) over("invocations in flight", attempts, 8 * 4);
  }
  const mailboxMax = types[0]?.policy.mailboxMax ?? 0;
  for (const queue of core.queues) {
    over("messages received from one shard", queue.received, settings.shard.messageWindow);
    // What an invocation brought back goes in front of what came meanwhile.
    over("a mailbox", queue.mailboxLongest, 2 * mailboxMax);
  }
}
