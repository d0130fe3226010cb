import { fileURLToPath } from "node:url";

/** A path within the repository, seen from where this is compiled to (`cdk/dist/example`). */
export function repository(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}
