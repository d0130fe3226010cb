/** Registers one version of a function, waits until a router has discovered it, and removes what nothing needs any more. */
import { type AdminApi, AdminProblem, type Deployment } from "./admin-api.mjs";

export interface Wanted {
  /** ARN of a published version. */
  readonly versionArn: string;
  /** ARN of the function, without a version. */
  readonly functionArn: string;
  /** Versions that stay for rollbacks, the newest, the registered one among them. At least 1. */
  readonly versionsKept: number;
  /** Registers although what is stored may need something that this version lacks. */
  readonly force: boolean;
  /** Limits, as the admin API takes them. */
  readonly options: object;
}

export interface Surroundings {
  readonly admin: Pick<AdminApi, "register" | "list" | "remove">;
  /** Deletes a version of a Lambda function; one that is gone is fine. */
  deleteVersion(versionArn: string): Promise<void>;
  sleep(ms: number): Promise<void>;
  nowMs(): number;
  log(message: string): void;
}

const WAIT_FIRST_MS = 1_000;
const WAIT_LAST_MS = 15_000;

/** Throws the last `AdminProblem` where it cannot succeed, or did not until `deadlineMs`. */
export async function registerUntil(wanted: Wanted, deadlineMs: number, around: Surroundings): Promise<Deployment> {
  for (let waitMs = WAIT_FIRST_MS; ; waitMs = Math.min(waitMs * 2, WAIT_LAST_MS)) {
    try {
      const deployment = await around.admin.register(wanted.versionArn, wanted.force, wanted.options);
      around.log(`${deployment.id} serves ${deployment.activeTypes.join(", ")}`);
      return deployment;
    } catch (error) {
      if (!(error instanceof AdminProblem) || !error.isRetryable || around.nowMs() + waitMs > deadlineMs) throw error;
      around.log(`again in ${waitMs} ms: ${error.message}`);
      await around.sleep(waitMs);
    }
  }
}

/**
 * Removes older versions of the function, first from the routers, which refuse while anything needs them, then from Lambda.
 * Never throws: the version that was wanted is registered, and the next deployment tries again.
 */
export async function removeOldVersions(wanted: Wanted, around: Surroundings): Promise<readonly string[]> {
  const removed: string[] = [];
  try {
    const versions = (await around.admin.list()).filter(({ url }) => url.startsWith(`${wanted.functionArn}:`));
    const old = versions
      .filter(({ url, activeTypes }) => url !== wanted.versionArn && activeTypes.length === 0)
      .sort((left, right) => right.registeredAtMs - left.registeredAtMs)
      .slice(Math.max(0, wanted.versionsKept - 1));
    for (const { id, url } of old) {
      try {
        await around.admin.remove(id);
        // A version can have been registered more than once, with other manifests.
        if ((await around.admin.list()).every((one) => one.url !== url)) await around.deleteVersion(url);
        removed.push(url);
      } catch (error) {
        around.log(`${url} stays: ${messageOf(error)}`);
      }
    }
  } catch (error) {
    around.log(`old versions stay: ${messageOf(error)}`);
  }
  return removed;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
