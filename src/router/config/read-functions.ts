/** The `functions` section: where functions are, and how hard they may be driven. */
import type { SettingNode } from "./setting-node.js";
import { DEFAULT_DEPLOYMENT_LIMITS as DEFAULTS, type FunctionSettings } from "./settings.js";

const MEMBERS = ["url", "lambda", "inFlightMax", "batch", "prefer", "timeout", "encoding", "headers"];

export function readFunctions(node: SettingNode, unsupported: string[]): readonly FunctionSettings[] {
  const seen = new Set<string>();
  const functions: FunctionSettings[] = [];
  for (const one of node.list()) {
    one.mapping(MEMBERS);
    if (one.member("lambda").isSet) {
      unsupported.push(`${one.member("lambda").path}: this build calls functions over HTTP only; use 'url'`);
      continue;
    }
    const url = one.member("url").text("");
    if (!isHttpUrl(url)) one.member("url").refuse("an http: or https: URL without credentials is expected");
    else if (seen.has(url)) one.member("url").refuse("this endpoint is listed twice");
    seen.add(url);
    functions.push(readFunction(one, url));
  }
  return functions;
}

function readFunction(one: SettingNode, url: string): FunctionSettings {
  const batch = one.member("batch");
  batch.mapping(["entitiesMax", "commandsMax", "bytesMax"]);
  const headers = one.member("headers").entries();
  return {
    url,
    limits: {
      inFlightMax: one.member("inFlightMax").wholeNumber(DEFAULTS.inFlightMax, { min: 1, max: 10_000 }),
      entitiesMax: batch.member("entitiesMax").wholeNumber(DEFAULTS.entitiesMax, { min: 1, max: 10_000 }),
      commandsMax: batch.member("commandsMax").wholeNumber(DEFAULTS.commandsMax, { min: 1, max: 10_000 }),
      bytesMax: batch.member("bytesMax").bytes(DEFAULTS.bytesMax, { min: 1 << 10, max: 64 << 20 }),
      timeoutMs: one.member("timeout").durationMs(DEFAULTS.timeoutMs, { min: 100, max: 900_000 }),
      prefer: one.member("prefer").choice(["latency", "cost"], DEFAULTS.prefer),
    },
    encoding: one.member("encoding").choice(["json", "protobuf"], "json"),
    headers: Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value.text("")])),
  };
}

/** Whether functions can be called there. Credentials in a URL would end up in logs. */
export function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === "http:" || url.protocol === "https:") && url.username === "" && url.password === "";
}
