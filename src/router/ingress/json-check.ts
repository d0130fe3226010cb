/** Whether bytes are one JSON value in UTF-8. They pass on as they came; this only keeps what is none out of the log. */
import { isUtf8 } from "node:buffer";
import { jsonProblem } from "../../protocol/function/json-scanner.js";
import type { Refusal } from "./problem-document.js";

/** Null: fine. */
export function jsonRefusal(body: Uint8Array): Refusal | null {
  if (!isUtf8(body)) return { code: "malformed_utf8", detail: "the bytes are not UTF-8" };
  const problem = jsonProblem(body);
  if (problem === null) return null;
  const { offset, message } = problem;
  return { code: "malformed_json", detail: `not JSON at byte ${offset}: ${message}`, members: { offset } };
}
