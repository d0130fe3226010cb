/**
 * What went wrong with a request to AWS, in the only distinctions that matter: has it happened, can it later, who must act.
 *
 * Everything that is not known for certain is `ambiguous`. Facts are from the services' error references (DynamoDB "Error
 * handling", S3 "Error responses", Lambda "Invoke", "Common errors") and from Node's socket errors.
 */
export type AwsFailure =
  /** Definitely not done: asked too fast. `retryAfterMs` is the service's wish, where it has one. */
  | AwsProblem<"throttled", "aws_throttled", { readonly retryAfterMs: number | null }>
  /** Definitely not done: the role lacks `action`. */
  | AwsProblem<"denied", "aws_denied", { readonly action: string }>
  /** Definitely not done: what was asked for is not there. */
  | AwsProblem<"missing", `aws_${MissingThing}_missing`, { readonly what: MissingThing }>
  /** Definitely not done: there are no credentials that the service takes. They may come back by themselves. */
  | AwsProblem<"credentials", CredentialsCode>
  /**
   * Definitely not done. `isForGood`: the service has looked at the request and says that it never will be; else somebody on
   * the way refused it, or it went to the wrong place.
   */
  | AwsProblem<"invalid", "aws_request_invalid" | "aws_region_wrong", { readonly isForGood: boolean }>
  /** It may have happened, and may still happen later. */
  | AwsProblem<"ambiguous", "aws_no_answer">
  /** Definitely not done: the request never left this machine. */
  | AwsProblem<"notSent", "aws_unreachable">;

type AwsProblem<Kind, Code, More = unknown> = {
  readonly kind: Kind;
  /** Stable; explained in docs/errors.md. */
  readonly code: Code;
  /** What happened and what to do, for people. */
  readonly message: string;
} & More;

export type MissingThing = "table" | "bucket" | "object" | "function";
export type CredentialsCode = "aws_credentials_missing" | "aws_credentials_expired" | "aws_credentials_refused" | "aws_clock_off";
export type AwsFailureCode = AwsFailure["code"];

/** What was asked, for messages, and for what the error itself does not say. */
export interface AwsRequest {
  /** The permission it needs, such as `dynamodb:PutItem`. */
  readonly action: string;
  /** What a "not found" means for this request, and its name. */
  readonly resource: { readonly what: MissingThing; readonly name: string };
}

const THROTTLED = new Set([
  "ThrottlingException",
  "Throttling",
  "ThrottledException",
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "LimitExceededException",
  "TooManyRequestsException",
  "RequestThrottled",
  "RequestThrottledException",
  "EC2ThrottledException",
  "SlowDown",
  // S3, 409: another conditional request on the same key is under way.
  "ConditionalRequestConflict",
  "OperationAborted",
]);
const DENIED = new Set(["AccessDenied", "AccessDeniedException", "KMSAccessDeniedException", "AllAccessDisabled"]);
const MISSING = new Set(["ResourceNotFoundException", "TableNotFoundException", "NoSuchBucket", "NoSuchKey", "NotFound"]);
const EXPIRED = new Set(["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"]);
const CLOCK = new Set(["RequestTimeTooSkewed", "RequestInTheFuture"]);
const REFUSED_CREDENTIALS = new Set([
  "UnrecognizedClientException",
  "InvalidClientTokenId",
  "InvalidAccessKeyId",
  "InvalidSignatureException",
  "SignatureDoesNotMatch",
  "IncompleteSignature",
  "IncompleteSignatureException",
  "MissingAuthenticationToken",
  "MissingAuthenticationTokenException",
  "InvalidToken",
  "NotSignedUp",
]);
/** Of the request itself, by the service that was asked. */
const FOR_GOOD = new Set(["ValidationException", "SerializationException", "RequestEntityTooLarge", "EntityTooLarge"]);
const WRONG_REGION = new Set([
  "PermanentRedirect",
  "TemporaryRedirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
]);

/** From Node's resolver and `connect`: there never was a connection. */
const NEVER_CONNECTED = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA"]);
const CONNECTING = new Set(["connect", "getaddrinfo", "socket"]);
/** TLS says no before it lets a byte of the request through. */
const NO_TRUST = /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(VERIFY|GET))/;
/** @smithy/node-http-handler gives its connection timeout no code of its own (client-options.test.ts holds it to these words). */
const NO_CONNECTION_IN_TIME = /did not establish a connection/;

/** Translates whatever `client.send` threw. Never throws. */
export function awsFailure(error: unknown, request: AwsRequest): AwsFailure {
  const facts = factsOf(error);
  return ofService(facts, request) ?? ofCredentialsAndSettings(facts, request) ?? ofTransport(facts, request);
}

interface Facts {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly syscall: string;
  /** 0: there was no answer. */
  readonly status: number;
  readonly retryAfterMs: number | null;
  readonly errors: readonly unknown[];
}

function factsOf(error: unknown): Facts {
  const record = isRecord(error) ? error : {};
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const metadata = isRecord(record["$metadata"]) ? record["$metadata"] : {};
  const response = isRecord(record["$response"]) ? record["$response"] : {};
  const status = metadata["httpStatusCode"] ?? response["statusCode"];
  return {
    name: text(record["name"]),
    message: text(record["message"]) || String(error),
    code: text(record["code"]),
    syscall: text(record["syscall"]),
    status: typeof status === "number" ? status : 0,
    retryAfterMs: retryAfterMs(isRecord(response["headers"]) ? response["headers"] : {}),
    errors: Array.isArray(record["errors"]) ? record["errors"] : [],
  };
}

/** Where the service has answered. */
function ofService(facts: Facts, request: AwsRequest): AwsFailure | null {
  const { name, status } = facts;
  if (THROTTLED.has(name) || status === 429) {
    const message = describe(
      facts,
      request,
      "The router slows down by itself; if it lasts, raise the limit or the table's warm throughput.",
    );
    return { kind: "throttled", code: "aws_throttled", retryAfterMs: facts.retryAfterMs, message };
  }
  if (EXPIRED.has(name) || CLOCK.has(name) || REFUSED_CREDENTIALS.has(name)) return credentials(facts, request);
  if (DENIED.has(name)) {
    const action = /not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)/.exec(facts.message)?.[1] ?? request.action;
    const message = describe(facts, request, `Allow ${action} on ${request.resource.name} in the role's policy.`);
    return { kind: "denied", code: "aws_denied", action, message };
  }
  if (MISSING.has(name)) {
    const what = name === "NoSuchBucket" ? "bucket" : name === "NoSuchKey" ? "object" : request.resource.what;
    const message = describe(facts, request, `Check the ${what}'s name and the region.`);
    return { kind: "missing", code: `aws_${what}_missing`, what, message };
  }
  if (WRONG_REGION.has(name) || (status >= 300 && status < 400)) {
    return {
      kind: "invalid",
      code: "aws_region_wrong",
      isForGood: false,
      message: describe(facts, request, "Set the region that it is in."),
    };
  }
  if (status === 403) {
    const message = describe(facts, request, `Allow ${request.action} on ${request.resource.name} in the role's policy.`);
    return { kind: "denied", code: "aws_denied", action: request.action, message };
  }
  if (status >= 400 && status < 500 && status !== 408) {
    const isForGood = FOR_GOOD.has(name) || status === 413;
    const message = describe(
      facts,
      request,
      isForGood ? "This request can never succeed." : "See what lies between router and AWS.",
    );
    return { kind: "invalid", code: "aws_request_invalid", isForGood, message };
  }
  return null;
}

function credentials(facts: Facts, request: AwsRequest): AwsFailure {
  const problem = (code: CredentialsCode, remedy: string): AwsFailure => {
    return { kind: "credentials", code, message: describe(facts, request, remedy) };
  };
  // DynamoDB and Lambda say so within a refused signature: "Signature expired: … is now earlier than …", "Signature not yet current".
  if (CLOCK.has(facts.name) || /Signature (expired|not yet current)/.test(facts.message)) {
    return problem("aws_clock_off", "Set this machine's clock: it and AWS's differ by minutes.");
  }
  if (EXPIRED.has(facts.name))
    return problem("aws_credentials_expired", "Renew the credentials; the router takes new ones by itself.");
  return problem("aws_credentials_refused", "Check the access key, and that it belongs to this partition and account.");
}

/** Where the SDK gave up before it sent anything. */
function ofCredentialsAndSettings(facts: Facts, request: AwsRequest): AwsFailure | null {
  if (facts.name === "CredentialsProviderError" || facts.name === "TokenProviderError") {
    const message = describe(
      facts,
      request,
      "Give the process a role, a profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    );
    return { kind: "credentials", code: "aws_credentials_missing", message };
  }
  if (facts.status === 0 && /^Region is missing/.test(facts.message)) {
    return {
      kind: "invalid",
      code: "aws_region_wrong",
      isForGood: false,
      message: describe(facts, request, "Set 'region' or AWS_REGION."),
    };
  }
  return null;
}

function ofTransport(facts: Facts, request: AwsRequest): AwsFailure {
  if (facts.status === 0 && wasNeverSent(facts)) {
    const remedy = "Check the region or endpoint, the network, and that the security groups let HTTPS out.";
    return { kind: "notSent", code: "aws_unreachable", message: describe(facts, request, remedy) };
  }
  return { kind: "ambiguous", code: "aws_no_answer", message: describe(facts, request, "Nobody knows yet whether it was done.") };
}

function wasNeverSent(facts: Facts): boolean {
  // One error for each address that was tried.
  if (facts.errors.length > 0) return facts.errors.every((error) => wasNeverSent(factsOf(error)));
  if (NEVER_CONNECTED.has(facts.code) || CONNECTING.has(facts.syscall)) return true;
  return NO_TRUST.test(facts.code) || (facts.name === "TimeoutError" && NO_CONNECTION_IN_TIME.test(facts.message));
}

function describe(facts: Facts, request: AwsRequest, remedy: string): string {
  const label = [facts.name === "Error" ? "" : facts.name, facts.status === 0 ? "" : facts.status]
    .filter((part) => part !== "")
    .join(" ");
  const said = facts.message.replace(/[.\s]+$/, "");
  return `${request.action} on ${request.resource.name} failed${label === "" ? "" : ` (${label})`}: ${said}. ${remedy}`;
}

/** Header values are lower-cased by name by the SDK's handler. */
function retryAfterMs(headers: Readonly<Record<string, unknown>>): number | null {
  const value = headers["retry-after"];
  const seconds = typeof value === "string" && /^\d{1,4}$/.test(value) ? Number(value) : null;
  return seconds === null ? null : seconds * 1000;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
