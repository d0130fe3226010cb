/** Answers as the services give them where something is wrong: what the proxy says in their name. */
import type { ProxiedReply } from "./aws-proxy.js";
import type { AwsOperation } from "./aws-request.js";

const ROLE = "arn:aws:sts::123456789012:assumed-role/holdfast/router";

export function denied(operation: AwsOperation): ProxiedReply {
  const message = `User: ${ROLE} is not authorized to perform: ${operation.action} because no identity-based policy allows the action`;
  return operation.service === "s3"
    ? s3Error(403, "AccessDenied", message)
    : jsonError(operation, 400, "AccessDeniedException", message);
}

export function throttled(operation: AwsOperation): ProxiedReply {
  if (operation.service === "s3") return s3Error(503, "SlowDown", "Please reduce your request rate.");
  if (operation.service === "lambda") return jsonError(operation, 429, "TooManyRequestsException", "Rate exceeded");
  return jsonError(operation, 400, "ThrottlingException", "Throughput exceeds the current capacity of your table or index.");
}

export function failed(operation: AwsOperation): ProxiedReply {
  if (operation.service === "s3") return s3Error(500, "InternalError", "We encountered an internal error. Please try again.");
  return jsonError(operation, 500, "InternalServerError", "The request processing has failed because of an unknown error.");
}

export function credentialsExpired(operation: AwsOperation): ProxiedReply {
  const message = "The security token included in the request is expired";
  return operation.service === "s3"
    ? s3Error(400, "ExpiredToken", message)
    : jsonError(operation, 400, "ExpiredTokenException", message);
}

export function credentialsRefused(operation: AwsOperation): ProxiedReply {
  const message = "The security token included in the request is invalid.";
  return operation.service === "s3"
    ? s3Error(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    : jsonError(operation, 400, "UnrecognizedClientException", message);
}

/** What S3 says of a bucket that lies in another region than the request was signed for. */
export function inAnotherRegion(): ProxiedReply {
  return s3Error(
    301,
    "PermanentRedirect",
    "The bucket you are attempting to access must be addressed using the specified endpoint.",
  );
}

function jsonError({ service }: AwsOperation, status: number, type: string, message: string): ProxiedReply {
  const prefix = service === "dynamodb" ? "com.amazonaws.dynamodb.v20120810#" : "";
  const body = Buffer.from(JSON.stringify({ __type: `${prefix}${type}`, message }));
  const headers = ["content-type", "application/x-amz-json-1.0", "x-amzn-errortype", type, "date", new Date().toUTCString()];
  return { status, rawHeaders: [...headers, "content-length", String(body.length)], body };
}

function s3Error(status: number, code: string, message: string): ProxiedReply {
  const body = Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  );
  const headers = ["content-type", "application/xml", "date", new Date().toUTCString()];
  return { status, rawHeaders: [...headers, "content-length", String(body.length)], body };
}
