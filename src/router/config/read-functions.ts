/** The `functions` section: where functions are, and how hard they may be driven. */
import { formatLambdaArn, LAMBDA_ARN_FORM, parseLambdaArn } from "../../ports/lambda-arn.js";
import { isHttpUrl } from "./endpoint-address.js";
import type { SettingNode } from "./setting-node.js";
import { DEFAULT_DEPLOYMENT_LIMITS as DEFAULTS, type FunctionSettings } from "./settings.js";

const MEMBERS = ["url", "lambda", "inFlightMax", "batch", "prefer", "timeout", "encoding", "headers"];
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

function readUrl(one: SettingNode): string | null {
  const url = one.member("url").text("");
  if (isHttpUrl(url)) return url;
  one.member("url").refuse("an http: or https: URL without credentials is expected; for a Lambda function, set 'lambda'");
  return null;
}

function readLambda(one: SettingNode): string | null {
  for (const name of ["url", "encoding", "headers"]) {
    if (one.member(name).isSet) one.member(name).refuse("this is for functions over HTTP, not for 'lambda'");
  }
  const text = one.member("lambda").text("");
  const arn = parseLambdaArn(text);
  if (arn !== null) return formatLambdaArn(arn);
  if (text !== "") one.member("lambda").refuse(`'${text.slice(0, 200)}' is not ${LAMBDA_ARN_FORM}`);
  return null;
}

function readFunction(one: SettingNode, url: string, isLambda: boolean): FunctionSettings {
  const batch = one.member("batch");
  batch.mapping(["entitiesMax", "commandsMax", "bytesMax"]);
  const bytesMax = isLambda ? LAMBDA_BYTES_MAX : HTTP_BYTES_MAX;
  const headers = one.member("headers").entries();
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
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value.text("")])),
  };
}
