/** What can go wrong with requests to AWS (src/aws/failure.ts), for the table of problems. */
import type { ProblemEntry } from "./problem-entry.js";

export const AWS_PROBLEMS = {
  aws_throttled: lasting(
    "AWS throttles the router",
    "DynamoDB, S3 or Lambda answers that it is asked too fast. Nothing is lost: the router slows down and goes on, and callers may see 429 or 503 meanwhile.",
    "If it lasts, raise the table's warm throughput, the account's limit, or the function's concurrency.",
  ),
  aws_denied: refusal(
    "AWS denies an action",
    "The role that the router runs under lacks a permission. The router tries again until it has it, or gives its shards up.",
    "The message names the action and the resource. Allow it in the role's policy.",
  ),
  aws_table_missing: refusal(
    "A table is missing",
    "The DynamoDB table that the settings name is not in this region and account.",
    "Check name and region, or create it with 'holdfast init'.",
  ),
  aws_table_unfit: refusal(
    "A table is not Holdfast's",
    "The DynamoDB table has another key than Holdfast's, is not active, or is a global table, on which conditions do not hold.",
    "Use a table that 'holdfast init' or the stack made.",
  ),
  aws_table_no_expiry: refusal(
    "A table does not expire records",
    "Time to live is off, or on for another attribute. Nothing is lost, but the journal grows, and is paid for, for ever.",
    "Turn time to live on for the attribute 'expiresAt'. A restored table has it off.",
  ),
  aws_table_unprotected: refusal(
    "A table is not protected",
    "The table has no point-in-time recovery, or can be deleted by one request. The router works all the same.",
    "Turn point-in-time recovery and deletion protection on.",
  ),
  aws_bucket_missing: refusal(
    "A bucket is missing",
    "The S3 bucket that the settings name does not exist.",
    "Check its name, or create it with 'holdfast init'.",
  ),
  aws_bucket_unfit: refusal(
    "A bucket deletes what is needed",
    "A lifecycle rule of the bucket deletes current objects by age. Segments are needed until the router itself deletes them.",
    "Remove the rule, or keep it off the prefix of the settings.",
  ),
  aws_bucket_unprotected: refusal(
    "A bucket is not protected",
    "The bucket keeps no versions or keeps them too short, can be opened to the public, or collects what unfinished uploads leave. The router works all the same.",
    "The message says what to turn on; 'holdfast init' makes buckets that have it all.",
  ),
  aws_object_missing: refusal(
    "An object is missing",
    "An S3 object that is needed is not there. It is never taken for empty.",
    "The message names the object. Restore it from the bucket's versions.",
  ),
  aws_function_missing: refusal(
    "A function is missing",
    "The Lambda function, version or alias does not exist in this region and account.",
    "Check the ARN; register a version that exists.",
  ),
  aws_credentials_missing: refusal(
    "There are no AWS credentials",
    "Neither environment, profile, container nor instance gives credentials.",
    "Give the process a role or a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
  ),
  aws_credentials_expired: refusal(
    "The AWS credentials have expired",
    "AWS says that the session is over. The router asks for new credentials by itself and goes on when it gets them.",
    "Renew the session; a role of the task or instance is renewed by AWS.",
  ),
  aws_credentials_refused: refusal(
    "AWS does not take the credentials",
    "The access key is unknown, or the signature does not match.",
    "Check the access key, its secret, and that it belongs to this partition and account.",
  ),
  aws_clock_off: refusal(
    "The clock is off",
    "This machine's clock and AWS's differ by minutes. Expiry times and signatures would be wrong, so nothing is written.",
    "Set the clock, for instance with NTP or Amazon Time Sync.",
  ),
  aws_region_wrong: refusal(
    "The region is wrong",
    "No region is set, or the resource is in another one.",
    "Set 'region' in the settings, or AWS_REGION.",
  ),
  aws_request_invalid: refusal(
    "AWS refuses a request for good",
    "The request can never succeed, for instance because the table has another key than Holdfast's.",
    "The message has the service's words. 'holdfast check' says what is wrong with tables and bucket.",
  ),
  aws_no_answer: lasting(
    "AWS did not answer, or failed while answering",
    "The request may or may not have been done. The router looks before it decides, so nothing is lost or done twice.",
    "If it lasts, look at AWS's health page and at the network.",
  ),
  aws_unreachable: lasting(
    "AWS cannot be reached",
    "No connection could be made, so nothing was sent.",
    "Check region and endpoint, DNS, routes, and that security groups and endpoint policies let HTTPS through.",
  ),
} satisfies Record<string, ProblemEntry>;

function refusal(title: string, meaning: string, remedy: string): ProblemEntry {
  return { status: null, title, actor: "operator", isRetryable: false, meaning, remedy };
}

function lasting(title: string, meaning: string, remedy: string): ProblemEntry {
  return { status: null, title, actor: "operator", isRetryable: true, meaning, remedy };
}
