/** Which of a lane's offers share the next invocation: from the front, until a cap is reached. One always goes. */
import type { DeploymentLimits } from "../input.js";
import type { Lane, Offer } from "./lane.js";
import type { Suspects } from "./suspects.js";
import type { DispatchTuning } from "./tuning.js";

/** Before the first measurement: a cautious guess that makes the first batches small. */
const UNMEASURED_COMMAND_MS = 1;

/** Takes them out of the lane. */
export function fillBatch(
  lane: Lane,
  limits: DeploymentLimits,
  tuning: DispatchTuning,
  suspects: Suspects,
  isProbe: boolean,
): Offer[] {
  const members: Offer[] = [];
  let entitiesMax = isProbe || lane.kind === "alone" ? 1 : limits.entitiesMax;
  const perEntityMax = isProbe || lane.kind === "alone" || lane.kind === "suspect" ? 1 : tuning.commandsPerEntityMax;
  let commandsLeft = commandsMax(lane, limits, tuning);
  let bytesLeft = limits.bytesMax;
  for (let offer = lane.head; offer !== null; offer = lane.head) {
    const { runnable } = offer;
    const { bytes } = runnable;
    if (lane.kind === "suspect") entitiesMax = Math.min(entitiesMax, suspects.entitiesMax(runnable.key));
    if (members.length > 0 && (members.length >= entitiesMax || bytes > bytesLeft)) break;
    offer.commandsMax = Math.max(1, Math.min(runnable.commandCount, perEntityMax, commandsLeft));
    // One entity whose commands exceed the cap by themselves: only as many as fit, as far as their mean size tells.
    if (bytes > limits.bytesMax) offer.commandsMax = Math.max(1, Math.floor((offer.commandsMax * limits.bytesMax) / bytes));
    lane.remove(offer);
    members.push(offer);
    bytesLeft -= bytes;
    commandsLeft -= offer.commandsMax;
    if (commandsLeft <= 0) break;
  }
  return members;
}

/** How many commands the next invocation may carry, by the deployment's limit and by the time it is predicted to take. */
function commandsMax(lane: Lane, limits: DeploymentLimits, tuning: DispatchTuning): number {
  const timeMax = limits.timeoutMs * tuning.timeoutShare;
  const target = limits.prefer === "cost" ? timeMax : Math.min(timeMax, Math.max(tuning.batchTargetMs, 2 * lane.single.ms));
  const perCommandMs = lane.perCommand.isKnown ? lane.perCommand.ms : UNMEASURED_COMMAND_MS;
  return Math.max(1, Math.min(limits.commandsMax, Math.floor(target / perCommandMs)));
}
