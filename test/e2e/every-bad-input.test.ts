/** Every kind of bad input that is to get a clear error: which test proves it, and which entries of docs/errors.md explain it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ROOT } from "./child.js";

interface BadInput {
  readonly what: string;
  /** Empty where it is no mistake: then the test proves that it goes through. */
  readonly codes: readonly string[];
  readonly file: "bad-input" | "stored-data" | "crashes" | "slow-clients";
  /** A part of the test's name. */
  readonly test: string;
}

const BAD_INPUTS: readonly BadInput[] = [
  { what: "unknown type", codes: ["unknown_type"], file: "bad-input", test: "of an unknown type" },
  { what: "unknown command", codes: ["unknown_command"], file: "bad-input", test: "of an unknown command" },
  { what: "malformed JSON", codes: ["malformed_json"], file: "bad-input", test: "of malformed JSON" },
  { what: "wrong content type", codes: ["unsupported_media_type"], file: "bad-input", test: "of a wrong content type" },
  { what: "oversized body", codes: ["body_too_large"], file: "bad-input", test: "of an oversized body" },
  { what: "bad ids", codes: ["bad_id"], file: "bad-input", test: "of a bad id" },
  { what: "reserved names", codes: ["reserved_name"], file: "bad-input", test: "of a reserved name" },
  { what: "absurd delays", codes: ["delay_too_long", "bad_parameter"], file: "bad-input", test: "of an absurd delay" },
  { what: "numbers beyond 2^53", codes: [], file: "bad-input", test: '"numbers beyond 2^53"' },
  { what: "1e999", codes: [], file: "bad-input", test: '"1e999"' },
  { what: "prototype-polluting keys", codes: [], file: "bad-input", test: '"keys that would pollute prototypes"' },
  { what: "lone surrogates, escaped", codes: [], file: "bad-input", test: '"lone surrogates, escaped"' },
  { what: "lone surrogates, as bytes", codes: ["malformed_utf8"], file: "bad-input", test: "of bytes that are no UTF-8" },
  ...answer("wrong entity", "answer_wrong_entity", "wrongEntity"),
  ...answer("too many outcomes", "function_faulted", "tooManyOutcomes"),
  ...answer("unknown effect", "function_faulted", "unknownEffect"),
  ...answer("invalid JSON", "answer_not_json", "invalidJson"),
  ...answer("3xx", "answer_redirect", "redirect"),
  ...answer("nothing", "answer_empty", "nothing"),
  ...answer("50 MB", "answer_too_large", "huge"),
  ...answer("never", "function_faulted", "never"),
  { what: "all answers bad", codes: ["function_unavailable"], file: "bad-input", test: "of failing whatever it is asked" },
  { what: "endpoint down at start", codes: ["function_unavailable"], file: "crashes", test: "is asked again until it answers" },
  { what: "state over the limit", codes: ["state_too_large"], file: "bad-input", test: "of a state over the limit" },
  {
    what: "full disk",
    codes: ["disk_full", "storage_slow", "outcome_unknown"],
    file: "stored-data",
    test: "acknowledges nothing",
  },
  { what: "a start on a full disk", codes: ["disk_full"], file: "stored-data", test: "already when it is started waits" },
  { what: "unreadable data directory", codes: ["data_unreadable"], file: "stored-data", test: "because it cannot be read" },
  { what: "damaged journal", codes: ["journal_damaged"], file: "stored-data", test: "because a journal file is damaged" },
  { what: "damaged document", codes: ["document_damaged"], file: "stored-data", test: "because a document is damaged" },
  {
    what: "damaged document of a shard",
    codes: ["document_damaged", "shard_refused"],
    file: "stored-data",
    test: "because a shard's document is damaged",
  },
  {
    what: "damaged segment",
    codes: ["segment_damaged", "shard_refused"],
    file: "stored-data",
    test: "because a segment is damaged",
  },
  { what: "missing segment", codes: ["segment_missing"], file: "stored-data", test: "because a segment is missing" },
  { what: "other `shards`", codes: ["cluster_mismatch"], file: "stored-data", test: "because `shards` differs" },
  { what: "other `cluster`", codes: ["cluster_mismatch"], file: "stored-data", test: "because `cluster` differs" },
  { what: "newer format", codes: ["format_newer"], file: "stored-data", test: "because a newer version wrote a journal file" },
  { what: "second process", codes: ["data_locked"], file: "crashes", test: "refuses a second process" },
  { what: "10,000 slow clients", codes: ["request_timeout"], file: "slow-clients", test: "hold up no good command" },
  { what: "a client that leaves early", codes: [], file: "bad-input", test: "takes nothing with it" },
];

function answer(what: string, code: string, how: string): BadInput[] {
  return [{ what: `a function that answers ${what}`, codes: [code, "function_faulted"], file: "bad-input", test: `${how}: [` }];
}

const explained = new Set(
  [...readFileSync(join(ROOT, "docs/errors.md"), "utf8").matchAll(/^### (\S+)$/gm)].map((match) => match[1]),
);

describe("every kind of bad input", () => {
  for (const { what, codes, file, test } of BAD_INPUTS) {
    it(`has a test and is explained: ${what}`, () => {
      const source = readFileSync(join(ROOT, `test/e2e/${file}.test.ts`), "utf8");
      assert.ok(source.includes(test), `no test '${test}' in ${file}.test.ts`);
      for (const code of codes) {
        assert.ok(explained.has(code), `docs/errors.md does not explain ${code}`);
        const isTold = source.includes(code) || file === "slow-clients" || code === "function_faulted";
        assert.ok(isTold, `${file}.test.ts does not expect ${code}`);
      }
    });
  }
});
