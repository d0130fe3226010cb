/** Whether bytes are one JSON value in UTF-8. They pass on as they came; this only keeps what is none out of the log. */
import { isUtf8 } from "node:buffer";
import type { Refusal } from "./problem-document.js";

/** Null: fine. */
export function jsonRefusal(body: Buffer): Refusal | null {
  if (!isUtf8(body)) return { code: "malformed_utf8", detail: "the bytes are not UTF-8" };
  try {
    // As latin1: the grammar is ASCII, and strings may hold whatever UTF-8 they like.
    JSON.parse(body.toString("latin1"));
    return null;
  } catch (error) {
    const offset = offsetOf((error as Error).message, body.length);
    return { code: "malformed_json", detail: `not JSON at byte ${offset}`, members: { offset } };
  }
}

function offsetOf(message: string, length: number): number {
  const found = /position (\d+)/.exec(message);
  return found === null ? length : Number(found[1]);
}
