/** Which operation of which service a request to AWS asks for, in the words of permissions: `dynamodb:PutItem`, `s3:GetObject`. */
import type { IncomingHttpHeaders } from "node:http";

export type AwsService = "dynamodb" | "s3" | "lambda";

export interface AwsOperation {
  readonly service: AwsService;
  /** The permission it needs. */
  readonly action: string;
  /** The bucket's part of an S3 path; empty elsewhere. */
  readonly bucket: string;
  /** The object's part of an S3 path; empty where the request is for the bucket. */
  readonly key: string;
}

/** Endpoints are told apart by what they alone have: DynamoDB its target header, Lambda its dated paths. The rest is S3, path-style. */
export function awsOperation(method: string, url: string, headers: IncomingHttpHeaders): AwsOperation {
  const target = headers["x-amz-target"];
  if (typeof target === "string" && target.startsWith("DynamoDB")) {
    return { service: "dynamodb", action: `dynamodb:${target.slice(target.indexOf(".") + 1)}`, bucket: "", key: "" };
  }
  const { pathname, searchParams } = new URL(url, "http://aws");
  if (/^\/20\d\d-\d\d-\d\d\/functions\//.test(pathname)) {
    const isInvocation = /\/(invocations|response-streaming-invocations)$/.test(pathname);
    return { service: "lambda", action: isInvocation ? "lambda:InvokeFunction" : "lambda:GetFunction", bucket: "", key: "" };
  }
  const [, bucket = "", key = ""] = /^\/([^/]*)\/?(.*)$/s.exec(pathname) ?? [];
  const action = key === "" ? bucketAction(method, searchParams) : objectAction(method, searchParams);
  return { service: "s3", action: `s3:${action}`, bucket, key: decodeURIComponent(key) };
}

function objectAction(method: string, query: URLSearchParams): string {
  switch (method) {
    case "PUT":
    case "POST":
      return "PutObject";
    case "DELETE":
      return query.has("uploadId") ? "AbortMultipartUpload" : "DeleteObject";
    default:
      return "GetObject";
  }
}

/** Sub-resources of a bucket, by the name of their query parameter, and what their permissions are called. */
const BUCKET_PARTS: Readonly<Record<string, string>> = {
  versioning: "BucketVersioning",
  lifecycle: "LifecycleConfiguration",
  encryption: "EncryptionConfiguration",
  publicAccessBlock: "BucketPublicAccessBlock",
  policy: "BucketPolicy",
  tagging: "BucketTagging",
  ownershipControls: "BucketOwnershipControls",
  location: "BucketLocation",
};

function bucketAction(method: string, query: URLSearchParams): string {
  if (query.has("delete")) return "DeleteObject";
  for (const [parameter, name] of Object.entries(BUCKET_PARTS)) {
    if (query.has(parameter)) return `${method === "PUT" ? "Put" : "Get"}${name}`;
  }
  if (method === "PUT") return "CreateBucket";
  return method === "DELETE" ? "DeleteBucket" : "ListBucket";
}
