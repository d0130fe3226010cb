/**
 * What a bucket of Holdfast's must be like: made by `createBucket` (`holdfast init`), compared by `bucketFindings` (`holdfast
 * check`). Segments are deleted by the router alone: a lifecycle that expires current versions deletes live data, and
 * noncurrent versions are kept as long as the tables can be restored to an earlier moment (RULES.md 11).
 */
import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { AwsProblem, type AwsProblemCode } from "../aws/aws-problem.js";
import type { AwsSettings } from "../aws/client-options.js";
import { type AwsFailure, awsFailure } from "../aws/failure.js";
import { s3Client } from "./s3-requests.js";

export interface BucketTarget {
  readonly aws: AwsSettings;
  readonly bucket: string;
  /** Where in it the objects lie; rules for other prefixes are other people's business. */
  readonly prefix: string;
}

/** Something that is not as it should be. What is fatal keeps a router from starting, or from being safe. */
export interface BucketFinding {
  readonly kind:
    | "missing"
    | "expires_current"
    | "archives_current"
    | "not_versioned"
    | "short_history"
    | "leftovers_stay"
    | "public"
    | "unknown";
  /** Stable; explained in docs/errors.md. */
  readonly code: AwsProblemCode;
  readonly isFatal: boolean;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/** As long as DynamoDB's point-in-time recovery reaches back. */
const HISTORY_DAYS = 35;
/** Unfinished uploads are of routers that have died; no upload takes hours. */
const LEFTOVER_DAYS = 2;
/** Storage classes whose objects are not there before they were restored (S3 user guide, "Working with archived objects"). */
const ARCHIVES: ReadonlySet<string> = new Set(["GLACIER", "DEEP_ARCHIVE"]);
const SOCKETS_MAX = 2;
/** What an emulator answers to what it does not know; AWS knows all of it. */
const UNSUPPORTED = new Set(["NotImplemented", "MethodNotAllowed", "UnsupportedOperation", "NotSupported"]);
/** S3's way of saying that nothing of the kind is configured. */
const NOT_CONFIGURED = new Set(["NoSuchLifecycleConfiguration", "NoSuchPublicAccessBlockConfiguration"]);

/** Makes the bucket with versions, its lifecycle, and closed to the public and to plain HTTP. What stands already is left as it is. Throws AwsProblem. */
export async function createBucket(target: BucketTarget, tags: Readonly<Record<string, string>>): Promise<"created" | "stood"> {
  const client = s3Client(target.aws, SOCKETS_MAX);
  try {
    return await create(client, target, tags);
  } finally {
    client.destroy();
  }
}

/** What is wrong with the bucket; empty when all is well. Never throws: what cannot be found out is a finding too. */
export async function bucketFindings(target: BucketTarget): Promise<readonly BucketFinding[]> {
  const client = s3Client(target.aws, SOCKETS_MAX);
  try {
    return await find(client, target);
  } finally {
    client.destroy();
  }
}

async function create(client: S3Client, { bucket }: BucketTarget, tags: Readonly<Record<string, string>>) {
  const present = await outcomeOf(bucket, "s3:ListBucket", client.send(new HeadBucketCommand({ Bucket: bucket })));
  if (present.kind === "done") return "stood";
  if (present.failure.kind !== "missing") throw new AwsProblem(present.failure.code, present.failure.message);
  const region = await client.config.region();
  // The API has no name for its first region.
  const CreateBucketConfiguration =
    region === "us-east-1" ? undefined : { LocationConstraint: region as BucketLocationConstraint };
  await must(bucket, "s3:CreateBucket", client.send(new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration })));
  const Enabled = { Status: "Enabled" } as const;
  const versioning = new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: Enabled });
  await must(bucket, "s3:PutBucketVersioning", client.send(versioning));
  const lifecycle = new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration: { Rules: [RULE] } });
  await must(bucket, "s3:PutLifecycleConfiguration", client.send(lifecycle));
  const access = new PutPublicAccessBlockCommand({ Bucket: bucket, PublicAccessBlockConfiguration: CLOSED_TO_THE_PUBLIC });
  await must(bucket, "s3:PutBucketPublicAccessBlock", client.send(access));
  const policy = new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(onlyEncrypted(bucket)) });
  await must(bucket, "s3:PutBucketPolicy", client.send(policy));
  const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  await must(bucket, "s3:PutBucketTagging", client.send(new PutBucketTaggingCommand({ Bucket: bucket, Tagging: { TagSet } })));
  return "created";
}

const RULE: LifecycleRule = {
  ID: "holdfast",
  Status: "Enabled",
  Filter: { Prefix: "" },
  NoncurrentVersionExpiration: { NoncurrentDays: HISTORY_DAYS },
  AbortIncompleteMultipartUpload: { DaysAfterInitiation: LEFTOVER_DAYS },
  Expiration: { ExpiredObjectDeleteMarker: true },
};

const CLOSED_TO_THE_PUBLIC = {
  BlockPublicAcls: true,
  IgnorePublicAcls: true,
  BlockPublicPolicy: true,
  RestrictPublicBuckets: true,
};

function onlyEncrypted(bucket: string): unknown {
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "OnlyEncrypted",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ],
  };
}

async function find(client: S3Client, { bucket, prefix }: BucketTarget): Promise<readonly BucketFinding[]> {
  const Bucket = bucket;
  const present = await outcomeOf(bucket, "s3:ListBucket", client.send(new HeadBucketCommand({ Bucket })));
  if (present.kind === "failed") {
    const { failure } = present;
    if (failure.kind !== "missing") return [unknown(failure)];
    const message = `Bucket ${bucket} does not exist. Create it with 'holdfast init'.`;
    return [{ kind: "missing", code: "aws_bucket_missing", isFatal: true, message }];
  }
  const [versioning, lifecycle, access] = await Promise.all([
    outcomeOf(bucket, "s3:GetBucketVersioning", client.send(new GetBucketVersioningCommand({ Bucket }))),
    outcomeOf(bucket, "s3:GetLifecycleConfiguration", client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))),
    outcomeOf(bucket, "s3:GetBucketPublicAccessBlock", client.send(new GetPublicAccessBlockCommand({ Bucket }))),
  ]);
  const findings: BucketFinding[] = [];
  for (const outcome of [versioning, lifecycle, access]) if (outcome.kind === "failed") findings.push(unknown(outcome.failure));
  if (versioning.kind === "done" && versioning.answer?.Status !== "Enabled") {
    const message = `Bucket ${bucket} keeps no versions: what is deleted by mistake is gone. Turn versioning on.`;
    findings.push({ kind: "not_versioned", code: "aws_bucket_unprotected", isFatal: false, message });
  }
  if (lifecycle.kind === "done") findings.push(...lifecycleFindings(bucket, prefix, lifecycle.answer?.Rules ?? []));
  if (access.kind === "done" && access.answer?.PublicAccessBlockConfiguration?.RestrictPublicBuckets !== true) {
    const message = `Bucket ${bucket} can be opened to the public. Turn the public access block on.`;
    findings.push({ kind: "public", code: "aws_bucket_unprotected", isFatal: false, message });
  }
  return findings;
}

function lifecycleFindings(bucket: string, prefix: string, all: readonly LifecycleRule[]): readonly BucketFinding[] {
  const rules = all.filter((rule) => rule.Status === "Enabled" && concerns(rule, prefix));
  const findings: BucketFinding[] = [];
  for (const { ID = "without a name", Expiration, Transitions, NoncurrentVersionExpiration } of rules) {
    if (Expiration?.Days !== undefined || Expiration?.Date !== undefined) {
      const message = `The lifecycle rule ${ID} of bucket ${bucket} deletes current objects by age: live segments, that is. Remove it, or keep it off the prefix '${prefix}'.`;
      findings.push({ kind: "expires_current", code: "aws_bucket_unfit", isFatal: true, message });
    }
    if (Transitions?.some(({ StorageClass }) => StorageClass !== undefined && ARCHIVES.has(StorageClass))) {
      const message = `The lifecycle rule ${ID} of bucket ${bucket} moves current objects into an archive, where they cannot be read for hours. Remove it, or keep it off the prefix '${prefix}'.`;
      findings.push({ kind: "archives_current", code: "aws_bucket_unfit", isFatal: true, message });
    }
    const days = NoncurrentVersionExpiration?.NoncurrentDays;
    if (days !== undefined && days < HISTORY_DAYS) {
      const message = `The lifecycle rule ${ID} of bucket ${bucket} keeps former versions for ${days} days; a restored table may need them for ${HISTORY_DAYS}.`;
      findings.push({ kind: "short_history", code: "aws_bucket_unprotected", isFatal: false, message });
    }
  }
  if (!rules.some(({ AbortIncompleteMultipartUpload }) => AbortIncompleteMultipartUpload !== undefined)) {
    const message = `No lifecycle rule of bucket ${bucket} removes unfinished uploads: what a killed router leaves is paid for, for ever. Add one.`;
    findings.push({ kind: "leftovers_stay", code: "aws_bucket_unprotected", isFatal: false, message });
  }
  return findings;
}

/** A rule with a tag in its filter is not for our objects, which have none. */
function concerns({ Filter, Prefix }: LifecycleRule, prefix: string): boolean {
  if (Filter?.Tag !== undefined || (Filter?.And?.Tags ?? []).length > 0) return false;
  const rulePrefix = Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? "";
  return rulePrefix.startsWith(prefix) || prefix.startsWith(rulePrefix);
}

type Outcome<Answer> =
  /** No answer: nothing of the kind is configured, or an emulator does not know it. */
  { readonly kind: "done"; readonly answer: Answer | null } | { readonly kind: "failed"; readonly failure: AwsFailure };

async function outcomeOf<Answer>(bucket: string, action: string, sent: Promise<Answer>): Promise<Outcome<Answer>> {
  try {
    return { kind: "done", answer: await sent };
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (UNSUPPORTED.has(name) || NOT_CONFIGURED.has(name)) return { kind: "done", answer: null };
    return { kind: "failed", failure: awsFailure(error, { action, resource: { what: "bucket", name: bucket } }) };
  }
}

async function must(bucket: string, action: string, sent: Promise<unknown>): Promise<void> {
  const outcome = await outcomeOf(bucket, action, sent);
  if (outcome.kind === "failed") throw new AwsProblem(outcome.failure.code, outcome.failure.message);
}

function unknown({ code, message }: AwsFailure): BucketFinding {
  return { kind: "unknown", code, isFatal: false, message };
}
