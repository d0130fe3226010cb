/** The `functions` section: where functions are, and how hard they may be driven. */
import { formatLambdaArn, LAMBDA_ARN_FORM, parseLambdaArn } from "../../ports/lambda-arn.js";
import { isHttpUrl } from "./endpoint-address.js";
import type { SettingNode } from "./setting-node.js";
import { DEFAULT_DEPLOYMENT_LIMITS as DEFAULTS, type FunctionSettings } from "./settings.js";

const OPTIONS = ["inFlightMax", "batch", "prefer", "timeout", "encoding", "headers"];
const MEMBERS = ["url", "lambda", ...OPTIONS];
const MB = 1 << 20;
const HTTP_BYTES_MAX = 64 * MB;
/** Of the 6 MB that Lambda takes; the rest is for names, ids and metadata, which the estimate of a batch leaves out. */
const LAMBDA_BYTES_MAX = 5 * MB;

export function readFunctions(node: SettingNode): readonly FunctionSettings[] {
  const seen = new Set<string>();
  const functions: FunctionSettings[] = [];
  for (const one of node.list()) {
    one.mapping(MEMBERS);
    const isLambda = one.member("lambda").isSet;
    const url = isLambda ? readLambda(one) : readUrl(one);
    if (url !== null && seen.has(url)) one.member(isLambda ? "lambda" : "url").refuse("this endpoint is listed twice");
    if (url === null) continue;
    seen.add(url);
    functions.push(readFunction(one, url, isLambda));
  }
  return functions;
}

/** The options of an endpoint among other members of a request; null where it has none. */
export function readEndpointOptions(one: SettingNode, url: string, otherMembers: readonly string[]): FunctionSettings | null {
  one.mapping([...otherMembers, ...OPTIONS]);
  if (!OPTIONS.some((name) => one.member(name).isSet)) return null;
  const isLambda = parseLambdaArn(url) !== null;
  if (isLambda) refuseHttpMembers(one);
  return readFunction(one, url, isLambda);
}

function readUrl(one: SettingNode): string | null {
  const url = one.member("url").text("");
  if (isHttpUrl(url)) return url;
  one.member("url").refuse("an http: or https: URL without credentials is expected; for a Lambda function, set 'lambda'");
  return null;
}

function readLambda(one: SettingNode): string | null {
  if (one.member("url").isSet) one.member("url").refuse("this is for functions over HTTP, not for 'lambda'");
  refuseHttpMembers(one);
  const text = one.member("lambda").text("");
  const arn = parseLambdaArn(text);
  if (arn !== null) return formatLambdaArn(arn);
  if (text !== "") one.member("lambda").refuse(`'${text.slice(0, 200)}' is not ${LAMBDA_ARN_FORM}`);
  return null;
}

function refuseHttpMembers(one: SettingNode): void {
  for (const name of ["encoding", "headers"]) {
    if (one.member(name).isSet) one.member(name).refuse("this is for functions over HTTP, not for Lambda");
  }
}

function readFunction(one: SettingNode, url: string, isLambda: boolean): FunctionSettings {
  const batch = one.member("batch");
  batch.mapping(["entitiesMax", "commandsMax", "bytesMax"]);
  const bytesMax = isLambda ? LAMBDA_BYTES_MAX : HTTP_BYTES_MAX;
  const headers = one.member("headers").entries().map(readHeader);
  return {
    url,
    limits: {
      inFlightMax: one.member("inFlightMax").wholeNumber(DEFAULTS.inFlightMax, { min: 1, max: 10_000 }),
      entitiesMax: batch.member("entitiesMax").wholeNumber(DEFAULTS.entitiesMax, { min: 1, max: 10_000 }),
      commandsMax: batch.member("commandsMax").wholeNumber(DEFAULTS.commandsMax, { min: 1, max: 10_000 }),
      bytesMax: batch.member("bytesMax").bytes(DEFAULTS.bytesMax, { min: 1 << 10, max: bytesMax }),
      timeoutMs: one.member("timeout").durationMs(DEFAULTS.timeoutMs, { min: 100, max: 900_000 }),
      prefer: one.member("prefer").choice(["latency", "cost"], DEFAULTS.prefer),
    },
    encoding: one.member("encoding").choice(["json", "protobuf"], "json"),
    headers: Object.fromEntries(headers),
  };
}

function readHeader([name, node]: readonly [string, SettingNode]): readonly [name: string, value: string] {
  const value = node.text("");
  if (!HEADER_NAME.test(name)) node.refuse("this is no name of an HTTP header");
  else if (!HEADER_VALUE.test(value)) node.refuse("the value of a header is printable ASCII, in one line");
  return [name.toLowerCase(), value];
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e]*$/;
