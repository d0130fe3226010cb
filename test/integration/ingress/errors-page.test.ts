import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { errorsPage } from "../../../scripts/errors-page.js";
import type { AwsFailureCode } from "../../../src/aws/failure.js";
import type { StorageCode } from "../../../src/ports/storage-problem.js";
import { ANSWER_PROBLEMS } from "../../../src/router/ingress/answer-problem-table.js";
import { AWS_PROBLEMS } from "../../../src/router/ingress/aws-problem-table.js";
import {
  ADMIN_PROBLEMS,
  COMMAND_LINE_PROBLEMS,
  PROBLEMS,
  REQUEST_PROBLEMS,
  START_PROBLEMS,
  STORAGE_PROBLEMS,
} from "../../../src/router/ingress/problem-table.js";

/** Does not compile where a storage code has no entry. */
const STORAGE: Readonly<Record<StorageCode, unknown>> = STORAGE_PROBLEMS;
const AWS: Readonly<Record<AwsFailureCode, unknown>> = AWS_PROBLEMS;

describe("the table of problems", () => {
  it("is what docs/errors.md says", () => {
    const hint = "run 'npm run build && node dist/scripts/errors-page.js'";
    assert.equal(readFileSync("docs/errors.md", "utf8"), errorsPage(), hint);
  });

  it("has each code in one group", () => {
    const groups = [REQUEST_PROBLEMS, ADMIN_PROBLEMS, ANSWER_PROBLEMS, START_PROBLEMS, STORAGE, AWS, COMMAND_LINE_PROBLEMS];
    const codes = groups.flatMap((group) => Object.keys(group));
    assert.equal(new Set(codes).size, codes.length);
    assert.equal(Object.keys(PROBLEMS).length, codes.length);
  });

  it("has codes that can be names everywhere, and a remedy for each", () => {
    for (const [code, entry] of Object.entries(PROBLEMS)) {
      assert.match(code, /^[a-z]+(_[a-z0-9]+)*$/);
      assert.ok(/\.\)?$/.test(entry.meaning) && /\.\)?$/.test(entry.remedy), code);
    }
  });
});
