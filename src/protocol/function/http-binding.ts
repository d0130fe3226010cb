/**
 * How the contract lies on HTTP, beyond the bodies: what a status means, and which decoder a content type asks for. The
 * in-process invoker uses the same, so that tests see what production sees.
 */
import type { AnswerDecoder, Results } from "./answer-decoder.js";
import { cut, malformed } from "./answer-problem.js";
import { CONTENT_TYPE, type Encoding, type InvocationEnd, type InvocationRequest } from "./contract.js";
import { JsonStreamDecoder, jsonDocumentDecoder } from "./json-answer-decoder.js";
import { encodeJsonInvocation } from "./json-request.js";
import { ProtobufStreamDecoder, protobufDocumentDecoder } from "./protobuf-answer-decoder.js";
import { encodeProtobufInvocation } from "./protobuf-request.js";

export function encodeInvocation(encoding: Encoding, request: InvocationRequest): Uint8Array {
  return encoding === "json" ? encodeJsonInvocation(request) : encodeProtobufInvocation(request);
}

export function contentTypeOf(encoding: Encoding): string {
  return encoding === "json" ? CONTENT_TYPE.json : CONTENT_TYPE.protobuf;
}

/** The answers that the router takes for a request in this encoding. */
export function acceptOf(encoding: Encoding): string {
  return encoding === "json"
    ? `${CONTENT_TYPE.jsonStream}, ${CONTENT_TYPE.json}`
    : `${CONTENT_TYPE.protobufStream}, ${CONTENT_TYPE.protobuf}`;
}

/** Null: no answer has this content type. `bytesMax` bounds the answer. */
export function decoderFor(contentType: string, results: Results, bytesMax: number): AnswerDecoder | null {
  const [mediaType = "", ...parameters] = contentType.toLowerCase().split(";");
  const charset = parameters.find((parameter) => parameter.trim().startsWith("charset="));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset.trim())) return null;
  switch (mediaType.trim()) {
    case "application/json":
      return jsonDocumentDecoder(results, bytesMax);
    case "application/x-ndjson":
      return new JsonStreamDecoder(results, bytesMax);
    case "application/x-protobuf":
      return parameters.some((parameter) => parameter.trim() === "encoding=delimited")
        ? new ProtobufStreamDecoder(results, bytesMax)
        : protobufDocumentDecoder(results, bytesMax);
    default:
      return null;
  }
}

/** What a status other than 200 says. `text` is the beginning of the body, for people. */
export function endOfStatus(status: number, head: ResponseHead, text: string): InvocationEnd {
  const said = text.trim() === "" ? `HTTP ${status}` : `HTTP ${status}: ${text.trim().slice(0, 300)}`;
  if (status === 429 || status === 502 || status === 503 || status === 504) {
    return { kind: "unavailable", message: said, retryAfterMs: head.retryAfterMs };
  }
  if (status >= 500) return cut(said);
  if (status >= 300 && status < 400) {
    return malformed(
      "answer_redirect",
      `HTTP ${status} to '${head.location ?? ""}': redirects are not followed, register that URL`,
    );
  }
  return malformed("answer_status", `${said} (a function answers 200)`);
}

export interface ResponseHead {
  readonly location: string | null;
  readonly retryAfterMs: number | null;
}

/** Nobody is believed who wants to be left alone for longer. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** A `Retry-After` header, which holds seconds or a date; null where it holds neither. */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === "") return null;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(0, ms), RETRY_AFTER_MS_MAX);
}
