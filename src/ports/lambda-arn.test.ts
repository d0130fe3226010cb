import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatLambdaArn, lambdaFunctionArn, parseLambdaArn } from "./lambda-arn.js";

const FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:cart";

describe("the ARN of a Lambda function", () => {
  it("names a version, an alias or $LATEST, and comes back as it was", () => {
    const qualifiers = {
      "7": { kind: "version", version: "7" },
      live: { kind: "alias", alias: "live" },
      "7up": { kind: "alias", alias: "7up" },
      $LATEST: { kind: "latest" },
    };
    for (const [text, qualifier] of Object.entries(qualifiers)) {
      const arn = parseLambdaArn(`${FUNCTION}:${text}`);
      assert.deepEqual(arn?.qualifier, qualifier);
      assert.equal(arn === null ? null : formatLambdaArn(arn), `${FUNCTION}:${text}`);
      assert.equal(arn === null ? null : lambdaFunctionArn(arn), FUNCTION);
    }
  });

  it("means $LATEST without a qualifier, and says so", () => {
    const arn = parseLambdaArn(FUNCTION);
    assert.equal(arn === null ? null : formatLambdaArn(arn), `${FUNCTION}:$LATEST`);
  });

  it("may lie in any partition and region", () => {
    for (const place of ["aws-cn:lambda:cn-north-1", "aws-us-gov:lambda:us-gov-west-1", "aws:lambda:ap-southeast-2"]) {
      const arn = parseLambdaArn(`arn:${place}:123456789012:function:cart_2-x:1`);
      assert.equal(`arn:${arn?.partition}:lambda:${arn?.region}`, `arn:${place.replace(":lambda:", ":lambda:")}`);
    }
  });

  it("is nothing else", () => {
    for (const text of [
      "",
      "cart",
      "cart:7",
      `${FUNCTION}:`,
      `${FUNCTION}:0`,
      `${FUNCTION}:7:8`,
      `${FUNCTION}:live!`,
      `${FUNCTION}:7\n`,
      "arn:aws:lambda:eu-west-1:12345:function:cart",
      "arn:aws:lambda:eu-west-1:123456789012:layer:cart:7",
      "arn:aws:s3:::bucket",
      `${FUNCTION}${"x".repeat(200)}`,
    ]) {
      assert.equal(parseLambdaArn(text), null, text);
    }
  });
});
