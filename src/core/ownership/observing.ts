/**
 * Watches another incarnation's document until it says itself that it is over, or until it has stood still for so long that
 * no lease of it can hold any more (RULES.md 4). The wait begins at the first sight of a version, and begins anew when the
 * watcher's own look took long: who cannot see well must not judge (RULES.md 15c).
 */
import type { DirectoryClient, FoundDocument } from "./directory-client.js";
import type { NodeDocument } from "./documents.js";
import type { LeaseLimits } from "./lease.js";

export interface Observed {
  readonly key: string;
  readonly found: FoundDocument;
  decode(body: Uint8Array): NodeDocument;
  /** It is not alive any more, or its document stood still for long enough. Null: there is no document any more. */
  over(found: FoundDocument | null): void;
  /** It has renewed its document: it lives. Called at every sight of that; false ends the watch. */
  lives(): boolean;
}

export function observe(client: DirectoryClient, limits: LeaseLimits, observed: Observed): void {
  look(client, limits, observed, observed.found, client.tickMs);
}

function look(client: DirectoryClient, limits: LeaseLimits, observed: Observed, standing: FoundDocument, sinceMs: number): void {
  client.after(limits.heartbeatEveryMs, () => {
    const askedAtMs = client.tickMs;
    client.read(observed.key, (found) => {
      if (found === null || observed.decode(found.body).status !== "alive") return observed.over(found);
      const nowMs = client.tickMs;
      if (found.token !== standing.token) {
        if (observed.lives()) look(client, limits, observed, found, nowMs);
      } else if (nowMs - askedAtMs > limits.heartbeatEveryMs) {
        look(client, limits, observed, found, nowMs);
      } else if (nowMs - sinceMs >= limits.observeMs) {
        observed.over(found);
      } else {
        look(client, limits, observed, found, sinceMs);
      }
    });
  });
}
