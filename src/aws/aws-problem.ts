/** What stops a start on AWS, as an error with a stable code (docs/errors.md). Elsewhere failures go into outcomes. */
import type { AwsFailure } from "./failure.js";

export type AwsProblemCode =
  | AwsFailure["code"]
  | "aws_table_unfit"
  | "aws_table_no_expiry"
  | "aws_table_unprotected"
  | "aws_bucket_unfit"
  | "aws_bucket_unprotected";

export class AwsProblem extends Error {
  override readonly name = "AwsProblem";
  readonly code: AwsProblemCode;

  constructor(code: AwsProblemCode, message: string) {
    super(message);
    this.code = code;
  }
}
