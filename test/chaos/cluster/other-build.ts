/** Which build stands for the version that nodes are upgraded from. */
import { COPY } from "../options.js";
import { type Build, buildAt, copiedBuild } from "./build.js";
import { previousBuild } from "./previous-build.js";

/** `wanted`: a `dist` folder, or `copy`; null: the version before this one. A copy lies in `copyFolder`. */
export async function otherBuild(wanted: string | null, copyFolder: string, log: (line: string) => void): Promise<Build> {
  if (wanted === COPY) return copiedBuild(copyFolder);
  if (wanted !== null) return buildAt(`the build at ${wanted}`, wanted);
  const previous = await previousBuild();
  if (previous.kind === "built") return previous.build;
  log(`${previous.message}: a copy of this build stands in for the version before it`);
  return copiedBuild(copyFolder);
}
