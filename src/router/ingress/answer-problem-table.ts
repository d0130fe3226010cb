/**
 * What can be wrong with what a function answers. These codes never reach a caller by themselves: the command is tried again,
 * and what its caller finally hears is `function_faulted` or the like, with this in the detail, the log and the metrics.
 */
import type { AnswerProblemCode } from "../../protocol/function/answer-problem.js";
import type { ProblemEntry } from "./problem-entry.js";

const SDK = "An SDK writes it for you; docs/function-contract.md says what is expected.";

export const ANSWER_PROBLEMS: Readonly<Record<AnswerProblemCode, ProblemEntry>> = {
  answer_empty: answer("The function answered nothing", "It answered 200 without a body.", SDK),
  answer_not_json: answer(
    "The function's answer is no JSON",
    "The answer, or a payload in it, is not valid JSON in UTF-8, or is nested deeper than 128 levels.",
    "The message names the place in the answer.",
  ),
  answer_not_protobuf: answer(
    "The function's answer is no protobuf message",
    "The bytes are not what function.proto describes.",
    "Generate the messages from proto/holdfast/function/v1/function.proto.",
  ),
  answer_shape: answer(
    "The function's answer lacks something",
    "A field of the answer's frame is missing, given twice, or of the wrong kind.",
    "The message names the field.",
  ),
  answer_version: answer("The function answered in another contract version", `The answer does not say "holdfast":"1".`, SDK),
  answer_wrong_invocation: answer(
    "The function answered another invocation",
    "The answer repeats another invocation's name than it was asked with.",
    "Copy 'invocation' from the request; keep nothing between requests.",
  ),
  answer_wrong_entity: answer(
    "The function answered for an entity that was not asked for",
    "The answer has an entity whose number was not in the request.",
    "Copy 'n' from the request's entity.",
  ),
  answer_entity_twice: answer(
    "The function answered for an entity twice",
    "The answer has the same entity's number twice.",
    "Put all outcomes of an entity into one result.",
  ),
  answer_count_mismatch: answer(
    "The end of a streamed answer does not match it",
    "The last line counts other entities than came before it.",
    "Count the lines that were written; write the last one when all are out.",
  ),
  answer_too_large: answer(
    "The function's answer is too large",
    "The answer is longer than 16 MB, or than Lambda allows (6 MB, or 20 MB and more where it is streamed).",
    "Keep states small; let the router send fewer entities at once (batch.bytesMax).",
  ),
  answer_content_type: answer(
    "The function's answer has the wrong content type",
    "It is none of application/json, application/x-ndjson and application/x-protobuf, its charset is not UTF-8, or it is compressed.",
    "Often this is another program, or a proxy's page: check the registered URL.",
  ),
  answer_redirect: answer(
    "The function redirects",
    "The function answered with a 3xx, which is not followed.",
    "Register the URL that the message names.",
  ),
  answer_status: answer(
    "The function answered with an unexpected status",
    "A function answers 200; 429 and 503 say that it is busy, 500 that it crashed.",
    "Check the registered URL and what stands in front of the function.",
  ),
  answer_not_http: answer(
    "The function does not speak HTTP",
    "What came back is no HTTP response.",
    "Check the registered URL, its port, and whether it needs https.",
  ),
  request_too_large: answer(
    "The invocation is too large for the function",
    "Lambda takes 6 MB at a time. Several commands are divided; a single one does not fit with its entity's state and events.",
    "Keep states and inputs smaller; a state over some megabytes belongs into a store of its own.",
  ),
  request_rejected: answer(
    "Lambda refuses the invocation as no JSON",
    "The router's own JSON is valid, so this is a payload that Lambda's parser does not take, such as half a surrogate pair.",
    "Correct who sends that input.",
  ),
};

function answer(title: string, meaning: string, remedy: string): ProblemEntry {
  return { status: null, title, actor: "function author", isRetryable: false, meaning, remedy };
}
