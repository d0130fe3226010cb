/** What a request says of a canary: `weight`, `faultsMax` and `for`, in people's words. */
import { SettingNode } from "../config/setting-node.js";
import type { CanaryWish } from "../deployment/canary.js";
import { DURATION_FORM, parseDuration } from "../duration.js";
import { PERCENT_FORM, parsePercent } from "../percent.js";

/** A canary that is watched for longer is no trial any more. */
const FOR_MS_MAX = 30 * 86_400_000;
const FOR_MS_MIN = 1_000;

/** What is wrong goes to `problems`. */
export function readCanaryWish(
  body: unknown,
  path: string,
  problems: string[],
  otherMembers: readonly string[] = [],
): CanaryWish {
  const node = new SettingNode(body, path, problems);
  node.mapping([...otherMembers, "weight", "faultsMax", "for"]);
  const weight = share(node.member("weight"));
  if (weight === null) node.member("weight").refuse(PERCENT_FORM);
  const faultsMax = node.member("faultsMax").isSet ? share(node.member("faultsMax")) : undefined;
  if (faultsMax === null) node.member("faultsMax").refuse(PERCENT_FORM);
  const forMs = trialMs(node.member("for"));
  return {
    weight: weight ?? 0,
    ...(typeof faultsMax === "number" && { faultsMax }),
    ...(forMs !== undefined && { forMs }),
  };
}

function share(node: SettingNode): number | null {
  return typeof node.raw === "string" ? parsePercent(node.raw) : null;
}

/** `none`: it is not promoted by itself any more. */
function trialMs(node: SettingNode): number | null | undefined {
  if (!node.isSet) return undefined;
  if (node.raw === "none") return null;
  const ms = typeof node.raw === "string" ? parseDuration(node.raw) : null;
  if (ms === null) node.refuse(`${DURATION_FORM}; or none`);
  else if (ms < FOR_MS_MIN || ms > FOR_MS_MAX) node.refuse("from 1s to 30d");
  else return ms;
  return undefined;
}
