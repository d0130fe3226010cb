/** An event of an entity's history, as clients see it: the names are those of the function contract. */
import type { HistoryEvent } from "../../core/entity/invocation.js";

/** Pieces of one JSON object; `data` is spliced in as the function wrote it. */
export function eventJson(event: HistoryEvent): readonly Uint8Array[] {
  const { version, atMs, name, eventVersion, data } = event;
  const head = { entityVersion: version, at: new Date(atMs).toISOString(), name, version: eventVersion };
  const text = JSON.stringify(head);
  return [Buffer.from(`${text.slice(0, -1)},"data":`), data.length === 0 ? NULL : data, CLOSE];
}

const NULL = Buffer.from("null");
const CLOSE = Buffer.from("}");
