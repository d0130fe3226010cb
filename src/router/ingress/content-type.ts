/** Which bodies are taken: JSON in UTF-8, as it is. */
import type { IncomingHttpHeaders } from "node:http";
import type { Refusal } from "./problem-document.js";

const JSON_TYPE = "application/json";
const WITH_PARAMETERS = /^application\/json\s*(?:;\s*charset\s*=\s*"?([^\s";]+)"?\s*)?;?$/i;

/** Null: fine. No content type is fine as long as there is no body. */
export function contentTypeRefusal(headers: IncomingHttpHeaders): Refusal | null {
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") {
    return refusal(`a content encoding ('${encoding.slice(0, 50)}') is not taken`);
  }
  const type = headers["content-type"];
  if (type === JSON_TYPE) return null;
  if (type === undefined) return hasBody(headers) ? refusal("there is a body, and no content type") : null;
  const match = WITH_PARAMETERS.exec(type);
  if (match === null) return refusal(`'${type.slice(0, 100)}' is not taken; ${JSON_TYPE} is`);
  const charset = match[1]?.toLowerCase() ?? "utf-8";
  return charset === "utf-8" || charset === "utf8"
    ? null
    : refusal(`the charset '${charset.slice(0, 50)}' is not taken; utf-8 is`);
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

function refusal(detail: string): Refusal {
  return { code: "unsupported_media_type", detail, headers: ["accept-post", JSON_TYPE] };
}
